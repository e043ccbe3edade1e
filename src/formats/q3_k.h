// q3_k: 256 weights in 16 groups of 16. weight = (d * (sc - 32)) * q with an f16 d, 6-bit scales and q in [-4, 3]. The
// low two bits of q + 4 lie as in q2_k; the third of element i is bit i / 32 of hmask[i % 32]. bf16:
// q * bf16(d * (sc - 32)), rounded once.
//
// The scales, 12 bytes: the low four bits of scale g < 8 are the low nibble of byte g, those of scale g >= 8 the high
// nibble of byte g - 8; the upper two bits of scale g are bits 2 * (g / 4) of byte 8 + g % 4.
#pragma once

#include <cstdint>

#include "formats/always_inline.h"
#include "formats/float16.h"

namespace hearth {

struct Q3KBlock {
  static constexpr int kElements = 256;
  static constexpr bool kHasMin = false;

  std::uint8_t hmask[32];
  std::uint8_t qs[64];
  std::uint8_t scales[12];
  std::uint16_t d;  // f16

  HEARTH_ALWAYS_INLINE int group_scale(int g) const {
    const int low = g < 8 ? scales[g] & 15 : scales[g - 8] >> 4;
    const int high = (scales[8 + g % 4] >> (2 * (g / 4))) & 3;
    return (low | high << 4) - 32;
  }

  HEARTH_ALWAYS_INLINE void unpack(std::int8_t* q, float* scale, float*) const {
    for (int g = 0; g < 16; ++g) scale[g] = f16_to_f32(d) * static_cast<float>(group_scale(g));
    for (int half = 0; half < 2; ++half) {
      for (int part = 0; part < 4; ++part) {
        for (int l = 0; l < 32; ++l) {
          const int low = (qs[32 * half + l] >> (2 * part)) & 3;
          const int high = (hmask[l] >> (4 * half + part)) & 1;
          q[128 * half + 32 * part + l] = static_cast<std::int8_t>((low | high << 2) - 4);
        }
      }
    }
  }
};
static_assert(sizeof(Q3KBlock) == 110);

}  // namespace hearth
