// nvfp4: 64 weights in 4 groups of 16, each with a scale byte (E4M3 without its sign) and 8 bytes of E2M1 codes: byte j
// holds element j in its low nibble and element j + 8 in its high one. weight = (s / 2) * q with the codes' values in
// halves, q of +-{0, 1, 2, 3, 4, 6, 8, 12}. The NaN of E4M3 counts as 0, as in ggml. The scale of the whole tensor, if
// it has one, stands beside it (docs/decisions/0006).
#pragma once

#include <cstddef>
#include <cstdint>

#include "formats/always_inline.h"
#include "formats/mxfp4.h"

namespace hearth {

struct Nvfp4Block {
  static constexpr int kElements = 64;
  static constexpr bool kHasMin = false;

  std::uint8_t scales[4];
  std::uint8_t qs[4][8];

  // Half of an unsigned E4M3: four bits of exponent, bias 7, and three of mantissa.
  HEARTH_ALWAYS_INLINE static float half_scale(std::uint8_t byte) {
    const std::uint32_t exponent = byte >> 3 & 15, mantissa = byte & 7;
    if (byte == 0x7f) return 0.0f;
    if (exponent == 0) return static_cast<float>(mantissa) * 0x1p-10f;
    return std::bit_cast<float>((exponent + 127 - 8) << 23 | mantissa << 20);
  }

  HEARTH_ALWAYS_INLINE void unpack(std::int8_t* q, float* scale, float*) const {
    for (int g = 0; g < 4; ++g) {
      scale[g] = half_scale(scales[g]);
      for (int j = 0; j < 8; ++j) {
        q[16 * g + j] = kMxfp4Units[static_cast<std::size_t>(qs[g][j] & 15)];
        q[16 * g + j + 8] = kMxfp4Units[static_cast<std::size_t>(qs[g][j] >> 4)];
      }
    }
  }
};
static_assert(sizeof(Nvfp4Block) == 36);

}  // namespace hearth
