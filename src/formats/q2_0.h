// q2_0: 64 weights, an f16 d, two bits each from the lowest up: weight = d * (bits - 1), so -d, 0, d or 2 d.
#pragma once

#include <cstdint>

#include "formats/always_inline.h"
#include "formats/float16.h"

namespace hearth {

struct Q2_0Block {
  static constexpr int kElements = 64;
  static constexpr bool kHasMin = false;

  std::uint16_t d;  // f16
  std::uint8_t qs[16];

  HEARTH_ALWAYS_INLINE void unpack(std::int8_t* q, float* scale, float*) const {
    for (int g = 0; g < 4; ++g) scale[g] = f16_to_f32(d);
    for (int i = 0; i < kElements; ++i) q[i] = static_cast<std::int8_t>((qs[i / 4] >> (2 * (i % 4)) & 3) - 1);
  }
};
static_assert(sizeof(Q2_0Block) == 18);

}  // namespace hearth
