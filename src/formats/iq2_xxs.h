// iq2_xxs: 256 weights in 8 groups of 32, with an f16 d. A group is 8 bytes: the places of its four vectors in the grid
// of 256, a byte each, then a little-endian word with the signs of vector v in bits 7 v to 7 v + 6 (the eighth sign:
// grids.h) and a 4-bit scale in the top: weight = (d * (2 sc + 1) / 8) * q with q of +-{8, 25, 43}.
#pragma once

#include <cstdint>

#include "formats/always_inline.h"
#include "formats/float16.h"
#include "formats/grids.h"

namespace hearth {

struct Iq2XxsBlock {
  static constexpr int kElements = 256;
  static constexpr bool kHasMin = false;

  std::uint16_t d;  // f16
  std::uint8_t groups[8][8];

  HEARTH_ALWAYS_INLINE void unpack(std::int8_t* q, float* scale, float*) const {
    for (int g = 0; g < 8; ++g) {
      const std::uint32_t word = word_at(groups[g] + 4);
      scale[2 * g] = scale[2 * g + 1] = f16_to_f32(d) * static_cast<float>(2 * (word >> 28) + 1) * 0.125f;
      for (int v = 0; v < 4; ++v) {
        put_signed(q + 32 * g + 8 * v, kIq2XxsGrid[groups[g][v]], with_eighth_sign(word >> (7 * v)));
      }
    }
  }
};
static_assert(sizeof(Iq2XxsBlock) == 66);

}  // namespace hearth
