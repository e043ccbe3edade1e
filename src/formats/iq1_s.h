// iq1_s: 256 weights in 8 groups of 32, with an f16 d. A group has four vectors of eight, whose places in the grid of
// 2048 are a byte each of `places`, and a little-endian 16-bit number: the places' upper three bits from the lowest up,
// a 3-bit scale, and in the top bit a sign. weight = (d * (2 sc + 1)) * (g + 1/8), or - 1/8 where the sign is set, with
// g of {-1, 0, 1}; as integers (d * (2 sc + 1) / 8) * (8 g +- 1).
#pragma once

#include <cstdint>

#include "formats/always_inline.h"
#include "formats/float16.h"
#include "formats/grids.h"

namespace hearth {

struct Iq1SBlock {
  static constexpr int kElements = 256;
  static constexpr bool kHasMin = false;

  std::uint16_t d;  // f16
  std::uint8_t places[32];
  std::uint16_t groups[8];

  HEARTH_ALWAYS_INLINE void unpack(std::int8_t* q, float* scale, float*) const {
    for (int g = 0; g < 8; ++g) {
      const int group = groups[g];
      scale[2 * g] = scale[2 * g + 1] = f16_to_f32(d) * static_cast<float>(2 * (group >> 12 & 7) + 1) * 0.125f;
      for (int v = 0; v < 4; ++v) {
        const int place = places[4 * g + v] | (group >> (3 * v) & 7) << 8;
        put_shifted(q + 32 * g + 8 * v, kIq1Grid[static_cast<std::size_t>(place)], (group & 0x8000) != 0);
      }
    }
  }
};
static_assert(sizeof(Iq1SBlock) == 50);

}  // namespace hearth
