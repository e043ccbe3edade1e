// q4_0: 32 weights, one f16 scale d, 4 bits each: weight = d * q with q = nibble - 8 in [-8, 7]. Byte j holds element
// j in its low nibble and element j + 16 in its high one. bf16: q * bf16(d), rounded once.
#pragma once

#include <cmath>
#include <cstdint>

#include "formats/always_inline.h"
#include "formats/float16.h"
#include "formats/rounding.h"

namespace hearth {

struct Q4_0Block {
  static constexpr int kElements = 32;
  static constexpr bool kHasMin = false;

  std::uint16_t d;  // f16
  std::uint8_t qs[16];

  HEARTH_ALWAYS_INLINE void unpack(std::int8_t* q, float* scale, float*) const {
    scale[0] = scale[1] = f16_to_f32(d);
    for (int j = 0; j < 16; ++j) {
      q[j] = static_cast<std::int8_t>((qs[j] & 15) - 8);
      q[j + 16] = static_cast<std::int8_t>((qs[j] >> 4) - 8);
    }
  }

  // ggml's reference rounding, bit for bit: the weight of largest magnitude (the first of equals) becomes -8.
  static Q4_0Block encode(const float* in) {
    float extreme = 0.0f;
    for (int i = 0; i < kElements; ++i) {
      const float value = to_finite(in[i]);
      if (std::fabs(value) > std::fabs(extreme)) extreme = value;
    }
    const float d = std::clamp(extreme / -8.0f, -kF16Max, kF16Max);
    const float inverse = d != 0.0f ? 1.0f / d : 0.0f;
    const auto nibble = [&](int i) { return truncate_clamped(to_finite(in[i]) * inverse + 8.5f, 0, 15); };
    Q4_0Block block;
    block.d = f32_to_f16(d);
    for (int j = 0; j < 16; ++j) block.qs[j] = static_cast<std::uint8_t>(nibble(j) | nibble(j + 16) << 4);
    return block;
  }
};
static_assert(sizeof(Q4_0Block) == 18);

}  // namespace hearth
