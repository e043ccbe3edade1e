// bf16: the upper half of a float32, little-endian, a block of one. bf16 decoding is a copy. Encoding rounds to the
// nearest, ties to even, and keeps infinities and NaN.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "formats/float16.h"
#include "formats/integer_block.h"

namespace hearth {

inline void decode_bf16_to_f32(const std::byte* blocks, float* out, std::int64_t element_count) {
  for (std::int64_t i = 0; i < element_count; ++i) out[i] = bf16_to_f32(load_block<std::uint16_t>(blocks, i));
}

inline void decode_bf16_to_bf16(const std::byte* blocks, std::uint16_t* out, std::int64_t element_count) {
  std::memcpy(out, blocks, static_cast<std::size_t>(element_count) * sizeof(std::uint16_t));
}

inline void encode_bf16(const float* in, std::byte* blocks, std::int64_t element_count) {
  for (std::int64_t i = 0; i < element_count; ++i) store_block(f32_to_bf16(in[i]), blocks, i);
}

}  // namespace hearth
