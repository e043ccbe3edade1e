// iq2_xs: 256 weights in 32 vectors of eight, with an f16 d. A vector is a little-endian 16-bit number: its place in
// the grid of 512 in the low nine bits, above them seven signs (the eighth: grids.h). Each 16 weights have a 4-bit
// scale, the first of two in the low nibble: weight = (d * (2 sc + 1) / 8) * q with q of +-{8, 25, 43}.
#pragma once

#include <cstdint>

#include "formats/always_inline.h"
#include "formats/float16.h"
#include "formats/grids.h"

namespace hearth {

// What iq2_xs and iq2_s share.
HEARTH_ALWAYS_INLINE float iq2_scale(std::uint16_t d, const std::uint8_t* scales, int group) {
  const int scale = scales[group / 2] >> (4 * (group % 2)) & 15;
  return f16_to_f32(d) * static_cast<float>(2 * scale + 1) * 0.125f;
}

struct Iq2XsBlock {
  static constexpr int kElements = 256;
  static constexpr bool kHasMin = false;

  std::uint16_t d;  // f16
  std::uint16_t vectors[32];
  std::uint8_t scales[8];

  HEARTH_ALWAYS_INLINE void unpack(std::int8_t* q, float* scale, float*) const {
    for (int g = 0; g < 16; ++g) scale[g] = iq2_scale(d, scales, g);
    for (int v = 0; v < 32; ++v) {
      put_signed(q + 8 * v, kIq2XsGrid[vectors[v] & 511], with_eighth_sign(vectors[v] >> 9));
    }
  }
};
static_assert(sizeof(Iq2XsBlock) == 74);

}  // namespace hearth
