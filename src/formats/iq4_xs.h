// iq4_xs: 256 weights in 8 groups of 32: weight = (d * (sc - 32)) * table[nibble] with an f16 d, 6-bit scales and
// iq4_nl's table. Each group is 16 bytes of qs with nibbles as in q4_0. The low four bits of scale g are nibble g of
// scales_l, the upper two are bits 2g of the little-endian scales_h. bf16: table[nibble] * bf16(d * (sc - 32)).
#pragma once

#include <cstdint>

#include "formats/always_inline.h"
#include "formats/float16.h"
#include "formats/iq4_nl.h"

namespace hearth {

struct Iq4XsBlock {
  static constexpr int kElements = 256;
  static constexpr bool kHasMin = false;

  std::uint16_t d;  // f16
  std::uint16_t scales_h;
  std::uint8_t scales_l[4];
  std::uint8_t qs[128];

  HEARTH_ALWAYS_INLINE void unpack(std::int8_t* q, float* scale, float*) const {
    for (int g = 0; g < 8; ++g) {
      const int low = (scales_l[g / 2] >> (4 * (g % 2))) & 15;
      const int high = (scales_h >> (2 * g)) & 3;
      scale[2 * g] = scale[2 * g + 1] = f16_to_f32(d) * static_cast<float>((low | high << 4) - 32);
      for (int j = 0; j < 16; ++j) {
        q[32 * g + j] = kIq4Values[qs[16 * g + j] & 15];
        q[32 * g + j + 16] = kIq4Values[qs[16 * g + j] >> 4];
      }
    }
  }
};
static_assert(sizeof(Iq4XsBlock) == 136);

}  // namespace hearth
