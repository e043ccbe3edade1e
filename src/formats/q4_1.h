// q4_1: 32 weights, an f16 scale d and an f16 offset m, 4 bits each: weight = d * q + m with q in [0, 15], nibbles as
// in q4_0. The minimum of the common form is -m. bf16: fma(q, bf16(d), bf16(m)), rounded once.
#pragma once

#include <cstdint>

#include "formats/always_inline.h"
#include "formats/float16.h"

namespace hearth {

struct Q4_1Block {
  static constexpr int kElements = 32;
  static constexpr bool kHasMin = true;

  std::uint16_t d;  // f16
  std::uint16_t m;  // f16
  std::uint8_t qs[16];

  HEARTH_ALWAYS_INLINE void unpack(std::int8_t* q, float* scale, float* min) const {
    scale[0] = scale[1] = f16_to_f32(d);
    min[0] = min[1] = -f16_to_f32(m);
    for (int j = 0; j < 16; ++j) {
      q[j] = static_cast<std::int8_t>(qs[j] & 15);
      q[j + 16] = static_cast<std::int8_t>(qs[j] >> 4);
    }
  }
};
static_assert(sizeof(Q4_1Block) == 20);

}  // namespace hearth
