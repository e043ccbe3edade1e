// q4_k: 256 weights in 8 groups of 32: weight = (d * sc) * q - (dmin * mn) with f16 d and dmin, 6-bit scales and
// minimums (k_scales.h) and q in [0, 15]. Each pair of groups takes 32 bytes of qs: the low nibble of byte l is element
// l of the even group, the high one element l of the odd. bf16: fma(q, bf16(d * sc), -bf16(dmin * mn)), the products in
// float32.
#pragma once

#include <cstdint>

#include "formats/always_inline.h"
#include "formats/float16.h"
#include "formats/k_scales.h"

namespace hearth {

struct Q4KBlock {
  static constexpr int kElements = 256;
  static constexpr bool kHasMin = true;

  std::uint16_t d;     // f16
  std::uint16_t dmin;  // f16
  std::uint8_t scales[12];
  std::uint8_t qs[128];

  HEARTH_ALWAYS_INLINE void unpack(std::int8_t* q, float* scale, float* min) const {
    for (int g = 0; g < 8; ++g) {
      const KScaleMin k = unpack_k_scale(scales, g);
      scale[2 * g] = scale[2 * g + 1] = f16_to_f32(d) * static_cast<float>(k.scale);
      min[2 * g] = min[2 * g + 1] = f16_to_f32(dmin) * static_cast<float>(k.min);
      for (int l = 0; l < 32; ++l) {
        q[32 * g + l] = static_cast<std::int8_t>((qs[32 * (g / 2) + l] >> (4 * (g % 2))) & 15);
      }
    }
  }
};
static_assert(sizeof(Q4KBlock) == 144);

}  // namespace hearth
