// iq3_xxs: 256 weights in 8 groups of 32, with an f16 d. A group has eight vectors of four, whose places in the grid of
// 256 are bytes 8 g on of `places`; and a little-endian word as iq2_xxs has it, with seven signs for each eight weights
// and a 4-bit scale: weight = (d * (2 sc + 1) / 4) * q with q of +-{4, 12, 20, 28, 36, 44, 52, 62}.
#pragma once

#include <cstdint>

#include "formats/always_inline.h"
#include "formats/float16.h"
#include "formats/grids.h"

namespace hearth {

struct Iq3XxsBlock {
  static constexpr int kElements = 256;
  static constexpr bool kHasMin = false;

  std::uint16_t d;  // f16
  std::uint8_t places[64];
  std::uint8_t signs_and_scales[8][4];

  HEARTH_ALWAYS_INLINE void unpack(std::int8_t* q, float* scale, float*) const {
    for (int g = 0; g < 8; ++g) {
      const std::uint32_t word = word_at(signs_and_scales[g]);
      scale[2 * g] = scale[2 * g + 1] = f16_to_f32(d) * static_cast<float>(2 * (word >> 28) + 1) * 0.25f;
      for (int v = 0; v < 4; ++v) {
        const std::uint8_t* two = places + 8 * g + 2 * v;
        const std::uint64_t magnitudes = kIq3XxsGrid[two[0]] | std::uint64_t{kIq3XxsGrid[two[1]]} << 32;
        put_signed(q + 32 * g + 8 * v, magnitudes, with_eighth_sign(word >> (7 * v)));
      }
    }
  }
};
static_assert(sizeof(Iq3XxsBlock) == 98);

}  // namespace hearth
