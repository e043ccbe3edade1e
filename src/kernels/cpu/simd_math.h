// Exponential, hyperbolic tangent and error function of eight float32 lanes. An element's result depends on its value
// alone, not on its lane, so that loops may cut arrays wherever they like (law 2).
//
// Polynomials were fitted at Chebyshev nodes; the error bounds below are of the float32 result, and are tested.
#pragma once

#include <cstring>
#include <limits>

#include "kernels/cpu/simd.h"

namespace hearth::HEARTH_ISA {

using I32x4 = std::int32_t __attribute__((vector_size(16)));

// g++ compares vectors that are wider than the machine's one element at a time. So the halves are compared one after
// the other where there is no AVX2.
template <class Half, class Vector>
HEARTH_INLINE Vector select_less_by_halves(Vector a, Vector b, Vector x, Vector y) {
  static_assert(sizeof(Vector) == 2 * sizeof(Half));
  Half left[2], right[2], yes[2], no[2];
  std::memcpy(left, &a, sizeof a);
  std::memcpy(right, &b, sizeof b);
  std::memcpy(yes, &x, sizeof x);
  std::memcpy(no, &y, sizeof y);
  for (int i = 0; i < 2; ++i) no[i] = left[i] < right[i] ? yes[i] : no[i];
  std::memcpy(&y, no, sizeof y);
  return y;
}

// a < b ? x : y, lane by lane; a comparison with a NaN is false.
#if defined(__AVX2__)
HEARTH_INLINE F32x8 select_less(F32x8 a, F32x8 b, F32x8 x, F32x8 y) {
  return a < b ? x : y;
}
HEARTH_INLINE I32x8 select_less(I32x8 a, I32x8 b, I32x8 x, I32x8 y) {
  return a < b ? x : y;
}
#else
HEARTH_INLINE F32x8 select_less(F32x8 a, F32x8 b, F32x8 x, F32x8 y) {
  return select_less_by_halves<F32x4>(a, b, x, y);
}
HEARTH_INLINE I32x8 select_less(I32x8 a, I32x8 b, I32x8 x, I32x8 y) {
  return select_less_by_halves<I32x4>(a, b, x, y);
}
#endif

HEARTH_INLINE F32x8 absolute(F32x8 x) {
  return reinterpret_cast<F32x8>(reinterpret_cast<I32x8>(x) & 0x7fffffff);
}

// The magnitude of the first with the sign of the second.
HEARTH_INLINE F32x8 with_sign(F32x8 magnitude, F32x8 sign) {
  const I32x8 sign_bit = reinterpret_cast<I32x8>(sign) & std::numeric_limits<std::int32_t>::min();
  return reinterpret_cast<F32x8>(reinterpret_cast<I32x8>(absolute(magnitude)) | sign_bit);
}

// c[0] + c[1] x + c[2] x^2 + …
template <int kCount>
HEARTH_INLINE F32x8 polynomial(F32x8 x, const float (&c)[kCount]) {
  F32x8 sum = broadcast(c[kCount - 1]);
  for (int i = kCount - 2; i >= 0; --i) sum = multiply_add(sum, x, broadcast(c[i]));
  return sum;
}

// 2^n for -126 <= n <= 127; arbitrary bits beyond.
HEARTH_INLINE F32x8 power_of_two(I32x8 n) {
  return reinterpret_cast<F32x8>((n + 127) << 23);
}

// e^x, within 1.5 units in the last place. Infinities, NaN, overflow to infinity and gradual underflow to zero are as
// std::exp has them.
HEARTH_INLINE F32x8 exp8(F32x8 x) {
  // Beyond these bounds the result is 0 or infinity anyway. A NaN passes both comparisons unchanged.
  x = select_less(x, broadcast(-104.0f), broadcast(-104.0f), x);
  x = select_less(broadcast(89.0f), x, broadcast(89.0f), x);
  // x = n ln 2 + r, |r| <= ln 2 / 2. Adding 1.5 * 2^23 rounds to the nearest integer and leaves it in the low bits.
  const F32x8 shift = broadcast(0x1.8p23f);
  const F32x8 shifted = multiply_add(x, broadcast(0x1.715476p0f), shift);
  const F32x8 n = shifted - shift;
  // The first part of ln 2 has so few bits that its product with n is exact.
  F32x8 r = multiply_add(n, broadcast(-0x1.63p-1f), x);
  r = multiply_add(n, broadcast(0x1.bd0106p-13f), r);
  const F32x8 tail = polynomial(r, {0.5f, 0.166665763f, 0.0416665524f, 0.00836323295f, 0.00139262504f});
  const F32x8 power = multiply_add(r * r, tail, r) + 1.0f;
  // In two steps: 2^n itself may be too large or too small for a float32 where the product is not. A NaN leaves
  // arbitrary bits here, and the product is NaN whatever they are.
  const I32x8 exponent = reinterpret_cast<I32x8>(shifted) - reinterpret_cast<I32x8>(shift);
  const I32x8 half = exponent >> 1;
  return power * power_of_two(half) * power_of_two(exponent - half);
}

// log(1 + e^x), within 4 units in the last place; NaN stays NaN.
HEARTH_INLINE F32x8 softplus8(F32x8 x) {
  // log(1 + t) = 2 atanh(t / (2 + t)), and t = e^-|x| is at most 1.
  const F32x8 t = exp8(-absolute(x));
  const F32x8 s = t / (t + 2.0f);
  const F32x8 series = polynomial(s * s, {1.0f, 0x1.555556p-2f, 0x1.99999ap-3f, 0x1.24924ap-3f, 0x1.c71c72p-4f,
                                          0x1.745d18p-4f, 0x1.3b13b2p-4f, 0x1.111112p-4f, 0x1.e1e1e2p-5f});
  return select_less(x, F32x8{}, F32x8{}, x) + (s + s) * series;
}

// tanh(x), within 2 units in the last place; NaN stays NaN.
HEARTH_INLINE F32x8 tanh8(F32x8 x) {
  const F32x8 square = x * x;
  const F32x8 series =
      polynomial(square, {-0.333333284f, 0.133327693f, -0.0538509078f, 0.0209971797f, -0.00609671418f});
  const F32x8 near_zero = multiply_add(x * square, series, x);
  const F32x8 magnitude = absolute(x);
  const F32x8 far = with_sign(1.0f - 2.0f / (exp8(magnitude + magnitude) + 1.0f), x);
  return select_less(magnitude, broadcast(0.625f), near_zero, far);
}

// erfc(x) for x >= 0: erfc(x) e^(x^2) / t is smooth in t = 3 / (3 + x). Within 8 units in the last place up to x = 1;
// the rounding of x^2 makes that 128 where the result leaves float32's range.
HEARTH_INLINE F32x8 erfc8_positive(F32x8 x) {
  x = select_less(broadcast(10.3f), x, broadcast(10.3f),
                  x);  // where e^(-x^2) is 0; infinity would give 0 * infinity below
  const F32x8 t = 3.0f / (x + 3.0f);
  const F32x8 smooth = polynomial(t, {0.188031361f, 0.18877019f, 0.170735016f, 0.195340902f, -0.0111353016f,
                                      0.420653343f, -0.461791962f, 0.55120641f, -0.29874593f, 0.0569359623f});
  return smooth * t * exp8(-(x * x));
}

}  // namespace hearth::HEARTH_ISA
