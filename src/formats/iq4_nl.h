// iq4_nl: 32 weights, one f16 scale d, 4 bits each that index a fixed table of 16 unevenly spaced integers, nibbles as
// in q4_0: weight = d * table[nibble]. bf16: table[nibble] * bf16(d), rounded once.
#pragma once

#include <cstdint>

#include "formats/always_inline.h"
#include "formats/float16.h"

namespace hearth {

// The table of iq4_nl and iq4_xs (ggml's).
inline constexpr std::int8_t kIq4Values[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                               1,    13,   25,  38,  53,  69,  89,  113};

struct Iq4NlBlock {
  static constexpr int kElements = 32;
  static constexpr bool kHasMin = false;

  std::uint16_t d;  // f16
  std::uint8_t qs[16];

  HEARTH_ALWAYS_INLINE void unpack(std::int8_t* q, float* scale, float*) const {
    scale[0] = scale[1] = f16_to_f32(d);
    for (int j = 0; j < 16; ++j) {
      q[j] = kIq4Values[qs[j] & 15];
      q[j + 16] = kIq4Values[qs[j] >> 4];
    }
  }
};
static_assert(sizeof(Iq4NlBlock) == 18);

}  // namespace hearth
