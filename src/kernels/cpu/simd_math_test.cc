// The vector functions against libm in double precision, over the whole range of float32. Compiled once for each
// instruction set, as the kernels are.
#include "kernels/cpu/simd_math.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace hearth {
namespace {

using HEARTH_ISA::F32x8;
constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// The distance between `actual` and `exact` in units of the last place that a float32 near `exact` has.
double ulps(float actual, double exact) {
  const int exponent = std::max(std::ilogb(exact), -126);
  return std::abs(static_cast<double>(actual) - exact) / std::ldexp(1.0, exponent - 23);
}

// Calls check(x) for every float32 in [low, high] whose bit pattern is `step` from the one before; both of one sign.
template <class Check>
void for_floats(float low, float high, std::uint32_t step, Check check) {
  std::uint32_t begin = std::bit_cast<std::uint32_t>(low), end = std::bit_cast<std::uint32_t>(high);
  if (begin > end) std::swap(begin, end);
  for (std::uint64_t bits = begin; bits <= end; bits += step)
    check(std::bit_cast<float>(static_cast<std::uint32_t>(bits)));
}

TEST(SimdMathTest, Exp) {
  double worst = 0;
  const auto check = [&](float x) {
    worst = std::max(worst, ulps(HEARTH_ISA::exp8(HEARTH_ISA::broadcast(x))[3], std::exp(static_cast<double>(x))));
  };
  for_floats(0.0f, 88.72283f, 997, check);
  for_floats(-0.0f, -103.9f, 997, check);
  EXPECT_LT(worst, 1.5);
}

TEST(SimdMathTest, ExpAtTheEnds) {
  const F32x8 y = HEARTH_ISA::exp8(F32x8{0.0f, -0.0f, kInfinity, -kInfinity, 88.8f, -105.0f, 3e38f, -3e38f});
  const float expected[8] = {1, 1, kInfinity, 0, kInfinity, 0, kInfinity, 0};
  for (int i = 0; i < 8; ++i) EXPECT_EQ(y[i], expected[i]) << i;
  EXPECT_TRUE(std::isnan(HEARTH_ISA::exp8(HEARTH_ISA::broadcast(kNan))[0]));
  EXPECT_TRUE(std::isnan(HEARTH_ISA::exp8(HEARTH_ISA::broadcast(-kNan))[0]));
}

TEST(SimdMathTest, Softplus) {
  double worst = 0;
  const auto check = [&](float x) {
    const double expected = std::log1p(std::exp(static_cast<double>(x)));
    worst = std::max(worst, ulps(HEARTH_ISA::softplus8(HEARTH_ISA::broadcast(x))[3], expected));
  };
  for_floats(1e-30f, 80.0f, 997, check);
  for_floats(-1e-30f, -80.0f, 997, check);
  EXPECT_LT(worst, 4);
  const F32x8 y = HEARTH_ISA::softplus8(F32x8{kInfinity, -kInfinity, 1e30f, -1e30f, kNan, 0.0f, 0.0f, 0.0f});
  const float expected[4] = {kInfinity, 0, 1e30f, 0};
  for (int i = 0; i < 4; ++i) EXPECT_EQ(y[i], expected[i]) << i;
  EXPECT_TRUE(std::isnan(y[4]));
}

TEST(SimdMathTest, Tanh) {
  double worst = 0;
  const auto check = [&](float x) {
    worst = std::max(worst, ulps(HEARTH_ISA::tanh8(HEARTH_ISA::broadcast(x))[5], std::tanh(static_cast<double>(x))));
  };
  for_floats(1e-30f, 20.0f, 997, check);
  for_floats(-1e-30f, -20.0f, 997, check);
  EXPECT_LT(worst, 2);
  const F32x8 y = HEARTH_ISA::tanh8(F32x8{0.0f, kInfinity, -kInfinity, 1e4f, -1e4f, 1e30f, kNan, -0.0f});
  const float expected[6] = {0, 1, -1, 1, -1, 1};
  for (int i = 0; i < 6; ++i) EXPECT_EQ(y[i], expected[i]) << i;
  EXPECT_TRUE(std::isnan(y[6]));
  EXPECT_EQ(y[7], 0.0f);
}

TEST(SimdMathTest, Erfc) {
  double worst = 0, worst_in_tail = 0;
  for_floats(0.0f, 9.0f, 997, [&](float x) {
    const double error =
        ulps(HEARTH_ISA::erfc8_positive(HEARTH_ISA::broadcast(x))[7], std::erfc(static_cast<double>(x)));
    (x < 1.0f ? worst : worst_in_tail) = std::max(x < 1.0f ? worst : worst_in_tail, error);
  });
  EXPECT_LT(worst, 8);
  EXPECT_LT(worst_in_tail, 128);
  EXPECT_EQ(HEARTH_ISA::erfc8_positive(HEARTH_ISA::broadcast(kInfinity))[0], 0.0f);
  EXPECT_TRUE(std::isnan(HEARTH_ISA::erfc8_positive(HEARTH_ISA::broadcast(kNan))[0]));
}

}  // namespace
}  // namespace hearth
