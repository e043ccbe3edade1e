// Which decoding steps are recorded.
#include "model/recorded_steps.h"

#include <gtest/gtest.h>

namespace hearth {
namespace {

TEST(RecordedSteps, EveryNumberOfSequencesHasACloseOne) {
  for (const std::int64_t most : {1, 2, 3, 5, 16, 33, 100, 256, 1000}) {
    const std::vector<std::int64_t> counts = RecordedSteps::sequence_counts(most);
    EXPECT_EQ(counts.front(), 1);
    EXPECT_EQ(counts.back(), most);
    for (std::size_t i = 1; i < counts.size(); ++i) {
      EXPECT_GT(counts[i], counts[i - 1]);
      EXPECT_LE(counts[i], 2 * counts[i - 1]);
      if (counts[i - 1] >= 64) {
        EXPECT_LE(8 * counts[i], 9 * counts[i - 1]);
      }
    }
  }
  EXPECT_TRUE(RecordedSteps::sequence_counts(0).empty());
}

TEST(RecordedSteps, TheLastBoundOfKeysIsTheContext) {
  EXPECT_EQ(RecordedSteps::key_bounds(100), (std::vector<std::int64_t>{100}));
  EXPECT_EQ(RecordedSteps::key_bounds(2048), (std::vector<std::int64_t>{2048}));
  EXPECT_EQ(RecordedSteps::key_bounds(10000), (std::vector<std::int64_t>{2048, 8192, 10000}));
}

}  // namespace
}  // namespace hearth
