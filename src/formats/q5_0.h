// q5_0: 32 weights, one f16 scale d, 5 bits each: weight = d * q with q in [-16, 15]. The low four bits lie as in q4_0;
// bit i of the little-endian 32-bit number qh is the fifth bit of element i. bf16: q * bf16(d), rounded once.
#pragma once

#include <cstdint>

#include "formats/always_inline.h"
#include "formats/float16.h"

namespace hearth {

struct Q5_0Block {
  static constexpr int kElements = 32;
  static constexpr bool kHasMin = false;

  std::uint16_t d;  // f16
  std::uint8_t qh[4];
  std::uint8_t qs[16];

  HEARTH_ALWAYS_INLINE void unpack(std::int8_t* q, float* scale, float*) const {
    scale[0] = scale[1] = f16_to_f32(d);
    for (int j = 0; j < 16; ++j) {
      const int low_fifth = (qh[j / 8] >> (j % 8)) & 1;
      const int high_fifth = (qh[2 + j / 8] >> (j % 8)) & 1;
      q[j] = static_cast<std::int8_t>(((qs[j] & 15) | low_fifth << 4) - 16);
      q[j + 16] = static_cast<std::int8_t>(((qs[j] >> 4) | high_fifth << 4) - 16);
    }
  }
};
static_assert(sizeof(Q5_0Block) == 22);

}  // namespace hearth
