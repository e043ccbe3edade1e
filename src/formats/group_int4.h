// int4: 32 weights, a float32 scale, a zero point and a nibble each: weight = scale * (nibble - zero), with zero as the
// minimum zero * scale. Not a format of files: what AWQ's, GPTQ's and compressed-tensors' matrices become, whose scales
// and zero points stand in tensors of their own (weights/quantized_folder.h). With the scales that these have, of 16
// bits, float32 holds every weight exactly. Byte j holds element j in its low nibble and element j + 16 in its high
// one.
#pragma once

#include <cstdint>

#include "formats/always_inline.h"

namespace hearth {

struct Int4Block {
  static constexpr int kElements = 32;
  static constexpr bool kHasMin = true;

  float d;
  std::uint8_t qs[16];
  std::uint8_t zero;
  std::uint8_t unused[3];

  HEARTH_ALWAYS_INLINE void unpack(std::int8_t* q, float* scale, float* min) const {
    scale[0] = scale[1] = d;
    min[0] = min[1] = d * static_cast<float>(zero);
    for (int j = 0; j < 16; ++j) {
      q[j] = static_cast<std::int8_t>(qs[j] & 15);
      q[j + 16] = static_cast<std::int8_t>(qs[j] >> 4);
    }
  }
};
static_assert(sizeof(Int4Block) == 24);

}  // namespace hearth
