// q2_k: 256 weights in 16 groups of 16. An f16 scale d and an f16 minimum dmin multiply 4-bit scales and minimums, one
// byte a group (scale in the low nibble): weight = (d * sc) * q - (dmin * mn) with q in [0, 3]. Each half of 128
// elements takes 32 bytes of qs: byte l holds elements l, l + 32, l + 64, l + 96, two bits each from the lowest up.
// bf16: fma(q, bf16(d * sc), -bf16(dmin * mn)), the products in float32.
#pragma once

#include <cstdint>

#include "formats/always_inline.h"
#include "formats/float16.h"

namespace hearth {

struct Q2KBlock {
  static constexpr int kElements = 256;
  static constexpr bool kHasMin = true;

  std::uint8_t scales[16];
  std::uint8_t qs[64];
  std::uint16_t d;     // f16
  std::uint16_t dmin;  // f16

  HEARTH_ALWAYS_INLINE void unpack(std::int8_t* q, float* scale, float* min) const {
    for (int g = 0; g < 16; ++g) {
      scale[g] = f16_to_f32(d) * static_cast<float>(scales[g] & 15);
      min[g] = f16_to_f32(dmin) * static_cast<float>(scales[g] >> 4);
    }
    for (int half = 0; half < 2; ++half) {
      for (int part = 0; part < 4; ++part) {
        for (int l = 0; l < 32; ++l) {
          q[128 * half + 32 * part + l] = static_cast<std::int8_t>((qs[32 * half + l] >> (2 * part)) & 3);
        }
      }
    }
  }
};
static_assert(sizeof(Q2KBlock) == 84);

}  // namespace hearth
