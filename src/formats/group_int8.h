// int8: 32 weights, a float32 scale and a signed byte each: weight = scale * byte. Not a format of files: what matrices
// of bytes become whose scales stand in a tensor of their own (weights/quantized_folder.h).
#pragma once

#include <cstdint>

#include "formats/always_inline.h"

namespace hearth {

struct Int8Block {
  static constexpr int kElements = 32;
  static constexpr bool kHasMin = false;

  float d;
  std::int8_t qs[32];

  HEARTH_ALWAYS_INLINE void unpack(std::int8_t* q, float* scale, float*) const {
    scale[0] = scale[1] = d;
    for (int j = 0; j < 32; ++j) q[j] = qs[j];
  }
};
static_assert(sizeof(Int8Block) == 36);

}  // namespace hearth
