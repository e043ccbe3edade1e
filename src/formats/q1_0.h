// q1_0: 128 weights, an f16 d, a bit each from the lowest up: weight = d where it is set, -d where not.
#pragma once

#include <cstdint>

#include "formats/always_inline.h"
#include "formats/float16.h"

namespace hearth {

struct Q1_0Block {
  static constexpr int kElements = 128;
  static constexpr bool kHasMin = false;

  std::uint16_t d;  // f16
  std::uint8_t qs[16];

  HEARTH_ALWAYS_INLINE void unpack(std::int8_t* q, float* scale, float*) const {
    for (int g = 0; g < 8; ++g) scale[g] = f16_to_f32(d);
    for (int i = 0; i < kElements; ++i) q[i] = (qs[i / 8] >> (i % 8) & 1) != 0 ? 1 : -1;
  }
};
static_assert(sizeof(Q1_0Block) == 18);

}  // namespace hearth
