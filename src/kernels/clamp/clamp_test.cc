// The clamp against its reference, to the bit.
#include "kernels/clamp/clamp.h"

#include <limits>

#include "kernels/clamp/clamp_reference.h"
#include "kernels/testing/kernel_testing.h"

namespace hearth {
namespace {

using namespace kernel_testing;

std::vector<float> clamped(Runner& run, std::vector<float> x, float limit) {
  run.kernels.clamp(*run.stream, {.x = run.out(x), .element_count = std::ssize(x), .limit = limit});
  run.finish();
  return x;
}

class ClampTest : public KernelTest {};
HEARTH_INSTANTIATE_FOR_DEVICES(ClampTest);

TEST_P(ClampTest, HoldsValuesWithinTheLimit) {
  for (const std::int64_t count : {1, 7, 255, 256, 257, 40000}) {
    if (run.is_slow() && count > 1000) continue;
    const auto x = random_floats(count, 61, 3.0f);
    for (const float limit : {0.0f, 0.75f, 2.0f, 100.0f}) {
      const auto out = clamped(run, x, limit);
      expect_same_bits(out, reference::clamp(x, limit));
      expect_same_bits(out, clamped(again, x, limit));
    }
  }
}

TEST_P(ClampTest, InfinitiesBecomeTheLimitAndNanStays) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const auto out = clamped(run, {kInfinity, -kInfinity, std::numeric_limits<float>::quiet_NaN()}, 8);
  EXPECT_EQ(out[0], 8);
  EXPECT_EQ(out[1], -8);
  EXPECT_TRUE(std::isnan(out[2]));
}

TEST_P(ClampTest, NoElementsAreNoWork) {
  EXPECT_TRUE(clamped(run, {}, 1).empty());
}

}  // namespace
}  // namespace hearth
