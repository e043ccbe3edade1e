// f16: IEEE 754 binary16, little-endian, a block of one. bf16 decoding rounds the value to the nearest, ties to even.
// Encoding keeps infinities and NaN; what rounds past 65504 becomes infinite.
#pragma once

#include <cstddef>
#include <cstdint>

#include "formats/float16.h"
#include "formats/integer_block.h"

namespace hearth {

inline void decode_f16_to_f32(const std::byte* blocks, float* out, std::int64_t element_count) {
  for (std::int64_t i = 0; i < element_count; ++i) out[i] = f16_to_f32(load_block<std::uint16_t>(blocks, i));
}

inline void decode_f16_to_bf16(const std::byte* blocks, std::uint16_t* out, std::int64_t element_count) {
  for (std::int64_t i = 0; i < element_count; ++i) {
    out[i] = f32_to_bf16(f16_to_f32(load_block<std::uint16_t>(blocks, i)));
  }
}

inline void encode_f16(const float* in, std::byte* blocks, std::int64_t element_count) {
  for (std::int64_t i = 0; i < element_count; ++i) store_block(f32_to_f16(in[i]), blocks, i);
}

}  // namespace hearth
