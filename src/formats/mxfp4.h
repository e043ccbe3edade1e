// mxfp4 (OCP MX v1.0, in ggml's layout): 32 weights, one E8M0 scale byte, an E2M1 value each, nibbles as in q4_0. As
// integers: q is twice the value (E2M1's unit is 1/2) and the scale is halved, so that both are exact; minus zero
// decodes to zero, as in ggml. bf16: q * (scale / 2), exact. A scale byte of 0xff makes the whole block NaN, as the
// specification says (ggml takes it for 2^128).
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

#include "formats/always_inline.h"
#include "formats/microscaling.h"
#include "formats/rounding.h"

namespace hearth {

inline constexpr std::array<std::int8_t, 16> kMxfp4Units = [] {
  std::array<std::int8_t, 16> units{};
  for (int code = 0; code < 16; ++code) {
    units[static_cast<std::size_t>(code)] = static_cast<std::int8_t>(E2m1::units(code));
  }
  return units;
}();

struct Mxfp4Block {
  static constexpr int kElements = 32;
  static constexpr bool kHasMin = false;

  std::uint8_t scale_exponent;  // E8M0
  std::uint8_t qs[16];

  HEARTH_ALWAYS_INLINE void unpack(std::int8_t* q, float* scale, float*) const {
    scale[0] = scale[1] = e8m0_to_f32(scale_exponent, E2m1::kUnitExponent);
    for (int j = 0; j < 16; ++j) {
      q[j] = kMxfp4Units[qs[j] & 15];
      q[j + 16] = kMxfp4Units[qs[j] >> 4];
    }
  }

  // From OpenAI's layout of the same values: two neighbours to a byte, the first in its lower half.
  static Mxfp4Block from_pairs(std::uint8_t scale_exponent, const std::uint8_t* pairs) {
    const auto code = [&](int i) { return i % 2 == 0 ? pairs[i / 2] & 15 : pairs[i / 2] >> 4; };
    Mxfp4Block block;
    block.scale_exponent = scale_exponent;
    for (int j = 0; j < 16; ++j) block.qs[j] = static_cast<std::uint8_t>(code(j) | code(j + 16) << 4);
    return block;
  }

  // The scale as the specification proposes: the power of two of the largest magnitude, less E2M1's largest exponent.
  // Values go to the nearest, ties towards zero (ggml's choice), and above 6 to 6.
  static Mxfp4Block encode(const float* in) {
    float largest = 0.0f;
    for (int i = 0; i < kElements; ++i) largest = std::max(largest, std::fabs(to_finite(in[i])));
    const int exponent = largest > 0.0f ? std::ilogb(largest) - E2m1::kExponentMax + 127 : 0;
    Mxfp4Block block;
    block.scale_exponent = static_cast<std::uint8_t>(std::max(exponent, 0));
    const float unit = e8m0_to_f32(block.scale_exponent, E2m1::kUnitExponent);
    for (int j = 0; j < 16; ++j) {
      block.qs[j] = static_cast<std::uint8_t>(nearest_code(to_finite(in[j]), unit) |
                                              nearest_code(to_finite(in[j + 16]), unit) << 4);
    }
    return block;
  }

 private:
  static int nearest_code(float value, float unit) {
    int code = 0;
    while (code < 7) {
      const double midpoint =
          0.5 * (kMxfp4Units[static_cast<std::size_t>(code)] + kMxfp4Units[static_cast<std::size_t>(code + 1)]) * unit;
      if (std::fabs(value) <= midpoint) break;
      ++code;
    }
    return value < 0.0f && code != 0 ? code | 8 : code;
  }
};
static_assert(sizeof(Mxfp4Block) == 17);

}  // namespace hearth
