// The residual addition against its reference: one rounding, and one of the product where there is a scale.
#include "kernels/residual_add/residual_add.h"

#include <limits>

#include "kernels/residual_add/residual_add_reference.h"
#include "kernels/testing/kernel_testing.h"

namespace hearth {
namespace {

using namespace kernel_testing;

std::vector<float> add(Runner& run, std::vector<float> x, std::span<const float> delta, float scale = 1) {
  run.kernels.residual_add(
      *run.stream,
      {.x = run.out(x), .delta = run.in(delta.first(x.size())), .element_count = std::ssize(x), .scale = scale});
  run.finish();
  return x;
}

class ResidualAddTest : public KernelTest {};
HEARTH_INSTANTIATE_FOR_DEVICES(ResidualAddTest);

TEST_P(ResidualAddTest, AddsAsTheReference) {
  for (const std::int64_t width : {1, 5, 31, 64, 130, 1024}) {
    for (const std::int64_t token_count : run.token_counts()) {
      const auto x = random_floats(token_count * width, 51), delta = random_floats(token_count * width, 52);
      const auto out = add(run, x, delta);
      expect_close(out, reference::residual_add(x, delta), 0x1p-24, 0);
      expect_same_bits(out, add(again, x, delta));
      std::vector<float> one_by_one;
      for (std::int64_t at = 0; at < std::ssize(x); at += width) {
        const auto row = add(run, std::vector<float>(x.begin() + at, x.begin() + at + width),
                             std::span(delta).subspan(static_cast<std::size_t>(at)));
        one_by_one.insert(one_by_one.end(), row.begin(), row.end());
      }
      expect_same_bits(out, one_by_one);
    }
  }
}

TEST_P(ResidualAddTest, TheSumIsScaled) {
  const auto x = random_floats(777, 53), delta = random_floats(777, 54);
  const auto out = add(run, x, delta, 0.375f);
  expect_close(out, reference::residual_add(x, delta, 0.375), 0x1p-23, 0);
  expect_same_bits(out, add(again, x, delta, 0.375f));
}

TEST_P(ResidualAddTest, NanAndInfinityAreThoseOfTheAddition) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> delta = {1, kNan, -kInfinity, -kInfinity};
  const auto out = add(run, {kInfinity, 1, 3, kInfinity}, delta);
  EXPECT_EQ(out[0], kInfinity);
  EXPECT_TRUE(std::isnan(out[1]));
  EXPECT_EQ(out[2], -kInfinity);
  EXPECT_TRUE(std::isnan(out[3]));
}

TEST_P(ResidualAddTest, NoElementsAreNoWork) {
  EXPECT_TRUE(add(run, {}, {}).empty());
}

}  // namespace
}  // namespace hearth
