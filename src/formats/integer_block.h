// The decodings of every format whose weights are integers with a scale and perhaps a minimum. Such a format's header
// says how a block unpacks into them, once; float32, bf16 and int8 follow from that, so that they cannot disagree.
//
// A block type has `kElements`, `kHasMin` and
//   void unpack(std::int8_t* q, float* scale, float* min) const
// which writes kElements integers and, for every group of 16 elements, a scale and (with kHasMin) a minimum:
//   weight = scale * q - min.
// Scales are f16 values times integers of at most 8 bits, or powers of two: `scale`, and `scale * q`, are exact in
// float32. So the float32 decoding rounds once at most, in the subtraction, and equals ggml's to the bit whether or
// not a compiler fuses.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "formats/always_inline.h"
#include "formats/float16.h"
#include "formats/format.h"

namespace hearth {

// The block at an address of any alignment.
template <class Block>
HEARTH_ALWAYS_INLINE Block load_block(const std::byte* blocks, std::int64_t index) {
  Block block;
  std::memcpy(&block, blocks + index * static_cast<std::int64_t>(sizeof(Block)), sizeof(Block));
  return block;
}

template <class Block>
HEARTH_ALWAYS_INLINE void store_block(const Block& block, std::byte* blocks, std::int64_t index) {
  std::memcpy(blocks + index * static_cast<std::int64_t>(sizeof(Block)), &block, sizeof(Block));
}

template <class Block>
struct UnpackedBlock {
  static constexpr int kGroups = Block::kElements / kInt8GroupElements;
  std::int8_t q[Block::kElements];
  float scale[kGroups];
  float min[kGroups] = {};

  HEARTH_ALWAYS_INLINE explicit UnpackedBlock(const Block& block) { block.unpack(q, scale, min); }
};

template <class Block>
HEARTH_ALWAYS_INLINE void decode_blocks_f32(const std::byte* blocks, float* out, std::int64_t element_count) {
  for (std::int64_t b = 0; b < element_count / Block::kElements; ++b) {
    const UnpackedBlock<Block> unpacked(load_block<Block>(blocks, b));
    for (int g = 0; g < unpacked.kGroups; ++g) {
      for (int i = g * kInt8GroupElements; i < (g + 1) * kInt8GroupElements; ++i) {
        *out++ = unpacked.scale[g] * static_cast<float>(unpacked.q[i]) - unpacked.min[g];
      }
    }
  }
}

template <class Block>
HEARTH_ALWAYS_INLINE void decode_blocks_bf16(const std::byte* blocks, std::uint16_t* out, std::int64_t element_count) {
  for (std::int64_t b = 0; b < element_count / Block::kElements; ++b) {
    const UnpackedBlock<Block> unpacked(load_block<Block>(blocks, b));
    for (int g = 0; g < unpacked.kGroups; ++g) {
      const float scale = round_to_bf16(unpacked.scale[g]);
      const float min = round_to_bf16(unpacked.min[g]);
      for (int i = g * kInt8GroupElements; i < (g + 1) * kInt8GroupElements; ++i) {
        const float product = scale * static_cast<float>(unpacked.q[i]);  // exact: 16 bits
        *out++ = Block::kHasMin ? difference_to_bf16(product, min) : f32_to_bf16(product);
      }
    }
  }
}

template <class Block>
HEARTH_ALWAYS_INLINE void decode_blocks_int8(const std::byte* blocks, std::int8_t* q, float* scale, float* min,
                                             std::int64_t element_count) {
  constexpr int kGroups = Block::kElements / kInt8GroupElements;
  for (std::int64_t b = 0; b < element_count / Block::kElements; ++b) {
    load_block<Block>(blocks, b).unpack(q, scale, min);
    if constexpr (!Block::kHasMin) std::fill_n(min, kGroups, 0.0f);
    q += Block::kElements;
    scale += kGroups;
    min += kGroups;
  }
}

// Block::encode(const float* in) -> Block, applied to a row.
template <class Block>
void encode_blocks(const float* in, std::byte* blocks, std::int64_t element_count) {
  for (std::int64_t b = 0; b < element_count / Block::kElements; ++b) {
    store_block(Block::encode(in + b * Block::kElements), blocks, b);
  }
}

}  // namespace hearth
