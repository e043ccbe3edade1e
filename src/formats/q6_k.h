// q6_k: 256 weights in 16 groups of 16: weight = (d * sc) * q with an f16 d, 8-bit signed scales and q in [-32, 31].
// Each half of 128 elements takes 64 bytes of ql and 32 of qh. Of q + 32, elements l and l + 64 have their low four
// bits in the low and the high nibble of ql[l], elements l + 32 and l + 96 in those of ql[l + 32]; the upper two bits
// of elements l, l + 32, l + 64, l + 96 are those of qh[l] from the lowest up. bf16: q * bf16(d * sc), rounded once.
#pragma once

#include <cstdint>

#include "formats/always_inline.h"
#include "formats/float16.h"

namespace hearth {

struct Q6KBlock {
  static constexpr int kElements = 256;
  static constexpr bool kHasMin = false;

  std::uint8_t ql[128];
  std::uint8_t qh[64];
  std::int8_t scales[16];
  std::uint16_t d;  // f16

  HEARTH_ALWAYS_INLINE void unpack(std::int8_t* q, float* scale, float*) const {
    for (int g = 0; g < 16; ++g) scale[g] = f16_to_f32(d) * static_cast<float>(scales[g]);
    for (int half = 0; half < 2; ++half) {
      for (int part = 0; part < 4; ++part) {
        for (int l = 0; l < 32; ++l) {
          const int low = (ql[64 * half + 32 * (part % 2) + l] >> (4 * (part / 2))) & 15;
          const int high = (qh[32 * half + l] >> (2 * part)) & 3;
          q[128 * half + 32 * part + l] = static_cast<std::int8_t>((low | high << 4) - 32);
        }
      }
    }
  }
};
static_assert(sizeof(Q6KBlock) == 210);

}  // namespace hearth
