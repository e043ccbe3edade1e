// Matching magnitudes against its reference, with rows shorter than the least that counts, and rows of zeros.
#include "kernels/match_magnitude/match_magnitude.h"

#include "kernels/match_magnitude/match_magnitude_reference.h"
#include "kernels/testing/kernel_testing.h"

namespace hearth {
namespace {

using namespace kernel_testing;

// A product with a factor of sums of squares.
constexpr double kRelative = 1e-6;

std::vector<float> match(Runner& run, std::vector<float> x, const std::vector<float>& like, std::int64_t width,
                         float least) {
  run.kernels.match_magnitude(
      *run.stream,
      {.x = run.out(x), .like = run.in(like), .row_count = std::ssize(x) / width, .width = width, .least = least});
  run.finish();
  return x;
}

class MatchMagnitudeTest : public KernelTest {};
HEARTH_INSTANTIATE_FOR_DEVICES(MatchMagnitudeTest);

TEST_P(MatchMagnitudeTest, Rows) {
  for (const std::int64_t width : {1, 5, 64, 130, 1027, 2048}) {
    SCOPED_TRACE(width);
    const std::int64_t rows = run.is_slow() ? 3 : 33;
    auto x = random_floats(rows * width, 43, 3.0f);
    const auto like = random_floats(rows * width, 44, 0.5f);
    for (std::int64_t i = 0; i < width; ++i) x[static_cast<std::size_t>(i)] *= 1e-4f;
    for (std::int64_t i = width; i < 2 * width; ++i) x[static_cast<std::size_t>(i)] = 0;
    for (const float least : {0.0f, 1e-5f}) {
      const auto out = match(run, x, like, width, least);
      std::vector<double> expected;
      std::vector<float> one_by_one;
      for (std::int64_t at = 0; at < std::ssize(x); at += width) {
        const std::vector<float> row(x.begin() + at, x.begin() + at + width);
        const std::vector<float> like_row(like.begin() + at, like.begin() + at + width);
        const auto values = reference::match_magnitude(row, like_row, static_cast<double>(least));
        expected.insert(expected.end(), values.begin(), values.end());
        const auto alone = match(run, row, like_row, width, least);
        one_by_one.insert(one_by_one.end(), alone.begin(), alone.end());
      }
      expect_close(out, expected, kRelative, 0);
      expect_same_bits(out, one_by_one);
      expect_same_bits(out, match(again, x, like, width, least));
    }
  }
}

TEST_P(MatchMagnitudeTest, NoRowsAreNoWork) {
  EXPECT_TRUE(match(run, {}, {}, 8, 0).empty());
}

}  // namespace
}  // namespace hearth
