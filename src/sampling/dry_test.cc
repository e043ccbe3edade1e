// Repetitions against a brute-force search, the penalty's size, and breakers inside and across tokens.
#include "sampling/dry.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <random>

namespace hearth {
namespace {

using Lengths = std::unordered_map<std::int32_t, std::int32_t>;

Lengths brute_force(const std::vector<std::int32_t>& history, std::size_t length_max) {
  Lengths lengths;
  for (std::size_t end = 1; end < history.size(); ++end) {  // an earlier occurrence ends before `end`
    std::size_t length = 0;
    while (length < end && length < length_max && history[end - 1 - length] == history[history.size() - 1 - length]) {
      ++length;
    }
    if (length > 0) lengths[history[end]] = std::max(lengths[history[end]], static_cast<std::int32_t>(length));
  }
  return lengths;
}

TEST(Dry, RepeatedLengthsByHand) {
  // a b c c b c y a b c: c would continue "a b c", b would continue "c", y would continue "b c".
  EXPECT_EQ(repeated_lengths(std::vector<std::int32_t>{1, 2, 3, 3, 2, 3, 9, 1, 2, 3}, 100),
            (Lengths{{3, 3}, {2, 1}, {9, 2}}));
  EXPECT_EQ(repeated_lengths(std::vector<std::int32_t>{1, 2, 3, 3, 2, 3, 9, 1, 2, 3}, 2),
            (Lengths{{3, 2}, {2, 1}, {9, 2}}));
  EXPECT_EQ(repeated_lengths(std::vector<std::int32_t>{5, 5, 5, 5}, 100), (Lengths{{5, 3}}));
  EXPECT_TRUE(repeated_lengths({}, 100).empty());
  EXPECT_TRUE(repeated_lengths(std::vector<std::int32_t>{4}, 100).empty());
}

TEST(Dry, RepeatedLengthsOfRandomHistories) {
  std::mt19937 random(11);
  for (int i = 0; i < 2000; ++i) {
    std::vector<std::int32_t> history(random() % 60);
    for (std::int32_t& token : history) token = static_cast<std::int32_t>(random() % (1 + i % 4));
    const std::size_t length_max = i % 2 == 0 ? 1000 : random() % 10;
    ASSERT_EQ(repeated_lengths(history, length_max), brute_force(history, length_max));
  }
}

TEST(Dry, RepeatedLengthsTakeLinearTime) {
  // Comparing at each of a million places anew would take hours.
  const std::vector<std::int32_t> history(1000000, 5);
  EXPECT_EQ(repeated_lengths(history, history.size()), (Lengths{{5, 999999}}));
}

TEST(Dry, PenaltyGrowsWithTheLength) {
  SamplerOptions options;
  options.dry_multiplier = 0.5f;
  options.dry_base = 2.0f;
  options.dry_allowed_length = 3;
  auto penalties = penalties_of({{0, 2}, {1, 3}, {2, 6}, {3, 100000}}, options);
  EXPECT_EQ(penalties.count(0), 0u);
  EXPECT_EQ(penalties[1], 0.5);
  EXPECT_EQ(penalties[2], 4.0);
  EXPECT_TRUE(std::isfinite(penalties[3]) && penalties[3] > 1e38);
  EXPECT_EQ(penalties.size(), 3u);
}

TEST(Dry, BreakersWithinAndAcrossTokens) {
  BreakerScanner scanner({"\n", "abc", "aa"});
  EXPECT_FALSE(scanner.ends_in("xa"));
  EXPECT_FALSE(scanner.ends_in("b"));
  EXPECT_TRUE(scanner.ends_in("cd"));  // "abc" over three tokens
  EXPECT_FALSE(scanner.ends_in("e"));  // and not once more
  EXPECT_TRUE(scanner.ends_in("x\ny"));
  EXPECT_FALSE(scanner.ends_in(""));
  EXPECT_FALSE(scanner.ends_in("a"));
  EXPECT_TRUE(scanner.ends_in("a"));
  EXPECT_FALSE(scanner.ends_in("b"));
  EXPECT_TRUE(scanner.ends_in("c"));
  EXPECT_FALSE(scanner.ends_in("bc"));
  EXPECT_TRUE(scanner.contains_breaker("xabcx"));
  EXPECT_FALSE(scanner.contains_breaker("ab"));
  EXPECT_FALSE(BreakerScanner({}).ends_in("anything"));
}

}  // namespace
}  // namespace hearth
