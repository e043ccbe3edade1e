// The encoders of q2_k to q6_k: grouped_block.h finds scales and codes, and here they go to their places.
#include <cstdint>

#include "formats/encode/encode_rows.h"
#include "formats/encode/grouped_block.h"
#include "formats/encode/searched_encoders.h"
#include "formats/q2_k.h"
#include "formats/q3_k.h"
#include "formats/q4_k.h"
#include "formats/q5_k.h"
#include "formats/q6_k.h"

namespace hearth::HEARTH_ISA {
namespace {

HEARTH_ALWAYS_INLINE void add_bits(std::uint8_t& byte, int bits) {
  byte = static_cast<std::uint8_t>(byte | bits);
}

// Two bits each, as q2_k and q3_k keep them.
HEARTH_ALWAYS_INLINE void add_two_bits(std::uint8_t (&qs)[64], int element, int code) {
  add_bits(qs[32 * (element / 128) + element % 32], (code & 3) << (2 * (element % 128 / 32)));
}

struct EncodeQ2K {
  using Block = Q2KBlock;
  static HEARTH_ALWAYS_INLINE Block block(const float* in, const float* importance) {
    const ScaleMinBlock<16> fit = fit_scale_min_block<16>(in, importance, 3, 15);
    Block block{};
    block.d = fit.d;
    block.dmin = fit.dmin;
    for (int g = 0; g < 16; ++g) block.scales[g] = static_cast<std::uint8_t>(fit.scale[g] | fit.min[g] << 4);
    for (int i = 0; i < 256; ++i) add_two_bits(block.qs, i, fit.codes[i]);
    return block;
  }
};

struct EncodeQ3K {
  using Block = Q3KBlock;
  static HEARTH_ALWAYS_INLINE Block block(const float* in, const float* importance) {
    const ScaleBlock<16> fit =
        fit_scale_block<16, 1>(in, importance, IntegerLevels{-4, 3}, -4, 3, 0.125f, IntegerLevels{-32, 31});
    Block block{};
    block.d = fit.d;
    for (int g = 0; g < 16; ++g) {
      const int scale = fit.scale[g] + 32;
      add_bits(block.scales[g % 8], (scale & 15) << (4 * (g / 8)));
      add_bits(block.scales[8 + g % 4], (scale >> 4) << (2 * (g / 4)));
    }
    for (int i = 0; i < 256; ++i) {
      add_two_bits(block.qs, i, fit.codes[i]);
      add_bits(block.hmask[i % 32], (fit.codes[i] >> 2) << (i / 32));
    }
    return block;
  }
};

// Of q4_k and q5_k: the scales, and the low four bits of the codes.
template <class Block>
HEARTH_ALWAYS_INLINE Block block_of_nibbles(const ScaleMinBlock<8>& fit) {
  Block block{};
  block.d = fit.d;
  block.dmin = fit.dmin;
  for (int g = 0; g < 8; ++g) pack_k_scale(block.scales, g, {fit.scale[g], fit.min[g]});
  for (int i = 0; i < 256; ++i) {
    add_bits(block.qs[32 * (i / 64) + i % 32], (fit.codes[i] & 15) << (4 * (i / 32 % 2)));
  }
  return block;
}

struct EncodeQ4K {
  using Block = Q4KBlock;
  static HEARTH_ALWAYS_INLINE Block block(const float* in, const float* importance) {
    return block_of_nibbles<Block>(fit_scale_min_block<8>(in, importance, 15, 63));
  }
};

struct EncodeQ5K {
  using Block = Q5KBlock;
  static HEARTH_ALWAYS_INLINE Block block(const float* in, const float* importance) {
    const ScaleMinBlock<8> fit = fit_scale_min_block<8>(in, importance, 31, 63);
    Block block = block_of_nibbles<Block>(fit);
    for (int i = 0; i < 256; ++i) add_bits(block.qh[i % 32], (fit.codes[i] >> 4) << (i / 32));
    return block;
  }
};

struct EncodeQ6K {
  using Block = Q6KBlock;
  static HEARTH_ALWAYS_INLINE Block block(const float* in, const float* importance) {
    const ScaleBlock<16> fit =
        fit_scale_block<16, 1>(in, importance, IntegerLevels{-32, 31}, -32, 31, 0.25f, IntegerLevels{-128, 127});
    Block block{};
    block.d = fit.d;
    for (int g = 0; g < 16; ++g) block.scales[g] = static_cast<std::int8_t>(fit.scale[g]);
    for (int i = 0; i < 256; ++i) {
      const int half = i / 128, part = i % 128 / 32, at = i % 32;
      add_bits(block.ql[64 * half + 32 * (part % 2) + at], (fit.codes[i] & 15) << (4 * (part / 2)));
      add_bits(block.qh[32 * half + at], (fit.codes[i] >> 4) << (2 * part));
    }
    return block;
  }
};

}  // namespace

void encode_q2_k(const float* in, const float* importance, std::byte* blocks, std::int64_t element_count) {
  encode_row<EncodeQ2K>(in, importance, blocks, element_count);
}

void encode_q3_k(const float* in, const float* importance, std::byte* blocks, std::int64_t element_count) {
  encode_row<EncodeQ3K>(in, importance, blocks, element_count);
}

void encode_q4_k(const float* in, const float* importance, std::byte* blocks, std::int64_t element_count) {
  encode_row<EncodeQ4K>(in, importance, blocks, element_count);
}

void encode_q5_k(const float* in, const float* importance, std::byte* blocks, std::int64_t element_count) {
  encode_row<EncodeQ5K>(in, importance, blocks, element_count);
}

void encode_q6_k(const float* in, const float* importance, std::byte* blocks, std::int64_t element_count) {
  encode_row<EncodeQ6K>(in, importance, blocks, element_count);
}

}  // namespace hearth::HEARTH_ISA
