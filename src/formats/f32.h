// f32: IEEE 754 binary32, little-endian, a block of one. bf16 decoding rounds to the nearest, ties to even.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "formats/float16.h"
#include "formats/integer_block.h"

namespace hearth {

inline void decode_f32_to_f32(const std::byte* blocks, float* out, std::int64_t element_count) {
  std::memcpy(out, blocks, static_cast<std::size_t>(element_count) * sizeof(float));
}

inline void decode_f32_to_bf16(const std::byte* blocks, std::uint16_t* out, std::int64_t element_count) {
  for (std::int64_t i = 0; i < element_count; ++i) out[i] = f32_to_bf16(load_block<float>(blocks, i));
}

inline void encode_f32(const float* in, std::byte* blocks, std::int64_t element_count) {
  std::memcpy(blocks, in, static_cast<std::size_t>(element_count) * sizeof(float));
}

}  // namespace hearth
