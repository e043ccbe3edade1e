// The gates' cutoff against its reference, in rows that stand apart, with either variance.
#include "kernels/gate_cutoff/gate_cutoff.h"

#include <limits>

#include "kernels/gate_cutoff/gate_cutoff_reference.h"
#include "kernels/testing/kernel_testing.h"

namespace hearth {
namespace {

using namespace kernel_testing;

// Of values of about 1, whose mean and deviation are rounded once each.
constexpr double kRelative = 3e-7, kAbsolute = 1e-6;
constexpr float kBetween = -77;

std::vector<float> cut(Runner& run, std::vector<float> x, std::int64_t width, std::int64_t stride,
                       const GateCutoff& cutoff) {
  run.kernels.gate_cutoff(
      *run.stream,
      {.x = run.out(x), .row_count = std::ssize(x) / stride, .width = width, .row_stride = stride, .cutoff = cutoff});
  run.finish();
  return x;
}

class GateCutoffTest : public KernelTest {};
HEARTH_INSTANTIATE_FOR_DEVICES(GateCutoffTest);

TEST_P(GateCutoffTest, Rows) {
  for (const std::int64_t width : {1, 5, 96, 130, 1027, 2048}) {
    for (const std::int64_t gap : {0, 3, 128}) {
      const std::int64_t rows = run.is_slow() ? 3 : 7, stride = width + gap;
      auto x = random_floats(rows * stride, 41, 2.0f);
      for (std::int64_t i = 0; i < std::ssize(x); ++i) {
        x[static_cast<std::size_t>(i)] = i % stride < width ? x[static_cast<std::size_t>(i)] + 0.5f : kBetween;
      }
      for (const GateCutoff cutoff : {GateCutoff{1.6448536f, false}, {1.6448536f, true}, {-0.5f, false}}) {
        SCOPED_TRACE(std::to_string(width) + " of " + std::to_string(stride));
        const auto out = cut(run, x, width, stride, cutoff);
        std::vector<float> one_by_one;
        for (std::int64_t r = 0; r < rows; ++r) {
          const auto row = std::span(x).subspan(static_cast<std::size_t>(r * stride), static_cast<std::size_t>(stride));
          const auto values = row.first(static_cast<std::size_t>(width));
          expect_close(std::span(out).subspan(static_cast<std::size_t>(r * stride), values.size()),
                       std::span<const double>(reference::gate_cutoff(values, cutoff)), kRelative, kAbsolute);
          const auto alone = cut(run, {row.begin(), row.end()}, width, stride, cutoff);
          one_by_one.insert(one_by_one.end(), alone.begin(), alone.end());
        }
        expect_same_bits(out, one_by_one);
        expect_same_bits(out, cut(again, x, width, stride, cutoff));
        for (std::size_t i = 0; i < out.size(); ++i) {
          if (static_cast<std::int64_t>(i) % stride >= width) EXPECT_EQ(out[i], kBetween);
        }
      }
    }
  }
}

TEST_P(GateCutoffTest, OneNanSpoilsItsRowAlone) {
  std::vector<float> x = random_floats(3 * 64, 42);
  x[64 + 7] = std::numeric_limits<float>::quiet_NaN();
  const auto out = cut(run, x, 64, 64, {1, false});
  for (std::size_t i = 0; i < out.size(); ++i) EXPECT_EQ(std::isnan(out[i]), i / 64 == 1) << i;
}

TEST_P(GateCutoffTest, NoRowsAreNoWork) {
  EXPECT_TRUE(cut(run, {}, 8, 8, {}).empty());
}

}  // namespace
}  // namespace hearth
