// Conversions between float32 and the 16-bit floating-point formats, one value at a time: IEEE 754 binary16 ("f16")
// and bfloat16 ("bf16", the upper half of a float32). Values are bit patterns. Rounding is to the nearest, ties to
// even; infinities, subnormals and the sign of zero survive; a NaN stays a (quiet) NaN with the payload's upper bits.
#pragma once

#include <bit>
#include <cstdint>

#ifdef __F16C__
#include <immintrin.h>
#endif

#include "formats/always_inline.h"

namespace hearth {

inline constexpr float kF16Max = 65504.0f;

// The two bodies below give the same bits for every input, NaNs included.
#ifdef __F16C__

HEARTH_ALWAYS_INLINE float f16_to_f32(std::uint16_t half) {
  return _cvtsh_ss(half);
}

HEARTH_ALWAYS_INLINE std::uint16_t f32_to_f16(float value) {
  return _cvtss_sh(value, _MM_FROUND_TO_NEAREST_INT);
}

#else

HEARTH_ALWAYS_INLINE float f16_to_f32(std::uint16_t half) {
  const std::uint32_t sign = (half & 0x8000u) << 16;
  const std::uint32_t magnitude = half & 0x7fffu;
  if (magnitude < 0x0400) {  // zero or subnormal: a multiple of 2^-24
    const float value = static_cast<float>(magnitude) * 0x1p-24f;
    return std::bit_cast<float>(std::bit_cast<std::uint32_t>(value) | sign);
  }
  if (magnitude > 0x7c00) return std::bit_cast<float>(sign | 0x7fc00000u | (magnitude << 13));
  if (magnitude == 0x7c00) return std::bit_cast<float>(sign | 0x7f800000u);
  return std::bit_cast<float>(sign | ((magnitude << 13) + (112u << 23)));  // 112: the difference of the biases
}

HEARTH_ALWAYS_INLINE std::uint16_t f32_to_f16(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = (bits >> 16) & 0x8000u;
  const std::uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return static_cast<std::uint16_t>(sign | 0x7e00u | ((magnitude >> 13) & 0x3ffu));
  if (magnitude >= 0x47800000u) return static_cast<std::uint16_t>(sign | 0x7c00u);  // 2^16 and above
  if (magnitude < 0x38800000u) {
    // Below 2^-14 the result is a multiple of 2^-24, which is the last place of 0.5: the addition rounds.
    const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    return static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(shifted) - 0x3f000000u));
  }
  // A carry out of the mantissa raises the exponent, and past 65504 gives the pattern of infinity: both are right.
  const std::uint32_t rounded = magnitude + 0xfffu + ((magnitude >> 13) & 1u);
  return static_cast<std::uint16_t>(sign | ((rounded - (112u << 23)) >> 13));
}

#endif

HEARTH_ALWAYS_INLINE float bf16_to_f32(std::uint16_t half) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(half) << 16);
}

HEARTH_ALWAYS_INLINE std::uint16_t f32_to_bf16(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<std::uint16_t>((bits >> 16) | 0x40u);
  return static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

// The nearest bf16 value, as a float32.
HEARTH_ALWAYS_INLINE float round_to_bf16(float value) {
  return bf16_to_f32(f32_to_bf16(value));
}

// bf16(a - b) with one rounding. Rounding the difference to float32 first would round twice; instead its exact error
// (Knuth's TwoSum) turns it into the difference "rounded to odd": an inexact result gets an odd last bit, and so is
// never taken for a tie of the coarser type.
HEARTH_ALWAYS_INLINE std::uint16_t difference_to_bf16(float a, float b) {
  const float difference = a - b;
  const float minus_b = difference - a;
  const float error = (a - (difference - minus_b)) + (-b - minus_b);  // NaN beside infinities: then not inexact
  const bool inexact = error < 0.0f || error > 0.0f;
  const bool away_from_zero = (error < 0.0f) == (difference > 0.0f);
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(difference);
  const std::uint32_t odd = (away_from_zero ? bits - 1u : bits) | 1u;
  return f32_to_bf16(std::bit_cast<float>(inexact ? odd : bits));
}

}  // namespace hearth
