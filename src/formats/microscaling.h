// The pieces of the OCP Microscaling (MX) formats, specification v1.0: the E8M0 scale that a block shares, and the
// element types E2M1, E2M3 and E3M2, whose values are small integers times a power of two.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>

#include "formats/always_inline.h"

namespace hearth {

// 2^(exponent - 127 + shift), for shift in [-21, 0]; 0xff is the NaN of E8M0.
HEARTH_ALWAYS_INLINE float e8m0_to_f32(std::uint8_t exponent, int shift = 0) {
  if (exponent == 0xff) return std::numeric_limits<float>::quiet_NaN();
  const int biased = exponent + shift;
  if (biased >= 1) return std::bit_cast<float>(static_cast<std::uint32_t>(biased) << 23);
  return std::bit_cast<float>(0x00400000u >> -biased);  // subnormal
}

// A floating-point type of 1 sign bit, E exponent bits and M mantissa bits without infinities and NaN. `units` is the
// value as an integer in units of 2^kUnitExponent; minus zero gives 0.
template <int E, int M>
struct MicroFloat {
  static constexpr int kBits = 1 + E + M;
  static constexpr int kBias = (1 << (E - 1)) - 1;
  static constexpr int kUnitExponent = 1 - kBias - M;
  static constexpr int kExponentMax = (1 << E) - 1 - kBias;  // of the largest value

  static constexpr int units(int code) {
    const int mantissa = code & ((1 << M) - 1);
    const int exponent = (code >> M) & ((1 << E) - 1);
    const int magnitude = exponent == 0 ? mantissa : ((1 << M) + mantissa) << (exponent - 1);
    return (code >> (E + M)) & 1 ? -magnitude : magnitude;
  }
};

using E2m1 = MicroFloat<2, 1>;  // 0, 0.5, 1, 1.5, 2, 3, 4, 6
using E2m3 = MicroFloat<2, 3>;  // up to 7.5
using E3m2 = MicroFloat<3, 2>;  // up to 28

}  // namespace hearth
