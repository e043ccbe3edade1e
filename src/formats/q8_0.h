// q8_0: 32 weights, one f16 scale d, a signed byte each: weight = d * q. Encoders write [-127, 127]; a -128 in a file
// is decoded like any other. bf16: q * bf16(d), rounded once.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "formats/always_inline.h"
#include "formats/float16.h"
#include "formats/rounding.h"

namespace hearth {

struct Q8_0Block {
  static constexpr int kElements = 32;
  static constexpr bool kHasMin = false;

  std::uint16_t d;  // f16
  std::int8_t qs[32];

  HEARTH_ALWAYS_INLINE void unpack(std::int8_t* q, float* scale, float*) const {
    scale[0] = scale[1] = f16_to_f32(d);
    for (int j = 0; j < 32; ++j) q[j] = qs[j];
  }

  // ggml's reference rounding, bit for bit: integers from the scale before it is rounded to f16.
  static Q8_0Block encode(const float* in) {
    float largest = 0.0f;
    for (int i = 0; i < kElements; ++i) largest = std::max(largest, std::fabs(to_finite(in[i])));
    const float d = std::min(largest / 127.0f, kF16Max);
    const float inverse = d != 0.0f ? 1.0f / d : 0.0f;
    Q8_0Block block;
    block.d = f32_to_f16(d);
    for (int i = 0; i < kElements; ++i) {
      block.qs[i] = static_cast<std::int8_t>(round_clamped(to_finite(in[i]) * inverse, -127, 127));
    }
    return block;
  }
};
static_assert(sizeof(Q8_0Block) == 34);

}  // namespace hearth
