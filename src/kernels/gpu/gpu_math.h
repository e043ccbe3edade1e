// Exponential, logistic function, softplus, hyperbolic tangent and error function for kernels: polynomials and exactly
// rounded operations alone, so that every GPU computes the same, to a few units in the last place. (They are
// cpu/simd_math.h for one value.)
#pragma once

#include "device/gpu/gpu.h"

namespace hearth::gpu {

inline constexpr float kInfinity = __builtin_inff();

// c[0] + c[1] x + c[2] x^2 + …
template <int kCount>
HEARTH_DEVICE float polynomial(float x, const float (&c)[kCount]) {
  float sum = c[kCount - 1];
  HEARTH_UNROLL
  for (int i = kCount - 2; i >= 0; --i) sum = fma_exact(sum, x, c[i]);
  return sum;
}

// 2^n for -126 <= n <= 127; arbitrary bits beyond.
HEARTH_DEVICE float power_of_two(int n) {
  return float_from_bits(static_cast<std::uint32_t>(n + 127) << 23);
}

// e^x, within 1.5 units in the last place; infinities and NaN as they should be.
HEARTH_DEVICE float exp_accurate(float x) {
  // Beyond these bounds the result is 0 or infinity anyway. A NaN passes both comparisons unchanged.
  x = x < -104.0f ? -104.0f : x;
  x = x > 89.0f ? 89.0f : x;
  // x = n ln 2 + r, |r| <= ln 2 / 2. Adding 1.5 * 2^23 rounds to the nearest integer and leaves it in the low bits.
  const float shifted = fma_exact(x, 0x1.715476p0f, 0x1.8p23f);
  const float n = shifted - 0x1.8p23f;
  // The first part of ln 2 has so few bits that its product with n is exact.
  float r = fma_exact(n, -0x1.63p-1f, x);
  r = fma_exact(n, 0x1.bd0106p-13f, r);
  const float tail = polynomial(r, {0.5f, 0.166665763f, 0.0416665524f, 0.00836323295f, 0.00139262504f});
  const float power = fma_exact(r * r, tail, r) + 1.0f;
  // In two steps: 2^n itself may be too large or too small for a float32 where the product is not.
  const int exponent = static_cast<int>(float_bits(shifted) - float_bits(0x1.8p23f));
  const int half = exponent >> 1;
  return power * power_of_two(half) * power_of_two(exponent - half);
}

// log(1 + e^x), within 4 units in the last place; NaN stays NaN.
HEARTH_DEVICE float softplus_accurate(float x) {
  // log(1 + t) = 2 atanh(t / (2 + t)), and t = e^-|x| is at most 1.
  const float t = exp_accurate(-float_from_bits(float_bits(x) & 0x7fffffffu));
  const float s = t / (t + 2.0f);
  const float series = polynomial(s * s, {1.0f, 0x1.555556p-2f, 0x1.99999ap-3f, 0x1.24924ap-3f, 0x1.c71c72p-4f,
                                          0x1.745d18p-4f, 0x1.3b13b2p-4f, 0x1.111112p-4f, 0x1.e1e1e2p-5f});
  return (x < 0.0f ? 0.0f : x) + (s + s) * series;
}

HEARTH_DEVICE float sigmoid_accurate(float x) {
  return 1.0f / (exp_accurate(-x) + 1.0f);
}

// tanh(x), within 2 units in the last place; NaN stays NaN.
HEARTH_DEVICE float tanh_accurate(float x) {
  const float magnitude = float_from_bits(float_bits(x) & 0x7fffffffu);
  if (magnitude < 0.625f) {
    const float square = x * x;
    const float series =
        polynomial(square, {-0.333333284f, 0.133327693f, -0.0538509078f, 0.0209971797f, -0.00609671418f});
    return fma_exact(x * square, series, x);
  }
  const float far = 1.0f - 2.0f / (exp_accurate(magnitude + magnitude) + 1.0f);
  return x < 0.0f ? -far : far;
}

// erfc(x) for x >= 0: erfc(x) e^(x^2) / t is smooth in t = 3 / (3 + x). Within 8 units in the last place up to x = 1;
// the rounding of x^2 makes that 128 where the result leaves float32's range.
HEARTH_DEVICE float erfc_positive(float x) {
  x = x > 10.3f ? 10.3f : x;  // where e^(-x^2) is 0; infinity would give 0 * infinity below
  const float t = 3.0f / (x + 3.0f);
  const float smooth = polynomial(t, {0.188031361f, 0.18877019f, 0.170735016f, 0.195340902f, -0.0111353016f,
                                      0.420653343f, -0.461791962f, 0.55120641f, -0.29874593f, 0.0569359623f});
  return smooth * t * exp_accurate(-(x * x));
}

}  // namespace hearth::gpu
