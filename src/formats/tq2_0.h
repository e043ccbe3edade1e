// tq2_0: 256 weights, two bits each, times an f16 d: weight = d * (bits - 1). The bits lie as in q2_k: byte l of each
// 32 holds elements l, l + 32, l + 64 and l + 96 of a half, from the lowest bits up.
#pragma once

#include <cstdint>

#include "formats/always_inline.h"
#include "formats/float16.h"

namespace hearth {

struct Tq2_0Block {
  static constexpr int kElements = 256;
  static constexpr bool kHasMin = false;

  std::uint8_t qs[64];
  std::uint16_t d;  // f16

  HEARTH_ALWAYS_INLINE void unpack(std::int8_t* q, float* scale, float*) const {
    for (int g = 0; g < 16; ++g) scale[g] = f16_to_f32(d);
    for (int i = 0; i < kElements; ++i) {
      const int byte = qs[i / 128 * 32 + i % 32];
      q[i] = static_cast<std::int8_t>((byte >> (2 * (i % 128 / 32)) & 3) - 1);
    }
  }
};
static_assert(sizeof(Tq2_0Block) == 66);

}  // namespace hearth
