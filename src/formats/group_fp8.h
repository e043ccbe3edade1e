// fp8_e4m3: 32 weights, a float32 scale and an E4M3 code each (OCP 8-bit floating point, revision 1.0: a sign, four
// bits of exponent with a bias of 7, three of mantissa; no infinities, and NaN where all bits but the sign are set):
// weight = scale * value, rounded to float32 once; bf16: that rounded once more. Not a format of files: what matrices
// of FP8 become whose scales stand in a tensor of their own (weights/quantized_folder.h).
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "formats/always_inline.h"
#include "formats/float16.h"
#include "formats/integer_block.h"

namespace hearth {

HEARTH_ALWAYS_INLINE float e4m3_to_f32(std::uint8_t code) {
  const std::uint32_t sign = static_cast<std::uint32_t>(code & 0x80) << 24;
  const std::uint32_t exponent = code >> 3 & 15, mantissa = code & 7;
  if ((code & 0x7f) == 0x7f) return std::numeric_limits<float>::quiet_NaN();
  const float magnitude = exponent == 0 ? static_cast<float>(mantissa) * 0x1p-9f
                                        : std::bit_cast<float>((exponent + 127 - 7) << 23 | mantissa << 20);
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(magnitude) | sign);
}

struct Fp8Block {
  static constexpr int kElements = 32;

  float d;
  std::uint8_t codes[32];
};
static_assert(sizeof(Fp8Block) == 36);

inline void decode_fp8_to_f32(const std::byte* blocks, float* out, std::int64_t element_count) {
  for (std::int64_t b = 0; b < element_count / Fp8Block::kElements; ++b) {
    const auto block = load_block<Fp8Block>(blocks, b);
    for (const std::uint8_t code : block.codes) *out++ = block.d * e4m3_to_f32(code);
  }
}

inline void decode_fp8_to_bf16(const std::byte* blocks, std::uint16_t* out, std::int64_t element_count) {
  for (std::int64_t b = 0; b < element_count / Fp8Block::kElements; ++b) {
    const auto block = load_block<Fp8Block>(blocks, b);
    for (const std::uint8_t code : block.codes) *out++ = f32_to_bf16(block.d * e4m3_to_f32(code));
  }
}

}  // namespace hearth
