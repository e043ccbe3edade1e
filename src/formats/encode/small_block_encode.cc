// The encoders of blocks of 32 with an f16 scale of their own, q4_0 to q5_1 and iq4_nl, and of iq4_xs, which has the
// same nibbles.
#include <cstdint>

#include "formats/encode/encode_rows.h"
#include "formats/encode/grouped_block.h"
#include "formats/encode/searched_encoders.h"
#include "formats/iq4_nl.h"
#include "formats/iq4_xs.h"
#include "formats/q4_0.h"
#include "formats/q4_1.h"
#include "formats/q5_0.h"
#include "formats/q5_1.h"

namespace hearth::HEARTH_ISA {
namespace {

// What stands in the low and high nibbles of q4_0 and its kin, and the fifth bits of q5_0.
HEARTH_ALWAYS_INLINE void set_nibbles(const int* codes, std::uint8_t* qs) {
  for (int j = 0; j < 16; ++j) qs[j] = static_cast<std::uint8_t>((codes[j] & 15) | (codes[j + 16] & 15) << 4);
}

HEARTH_ALWAYS_INLINE void set_fifth_bits(const int* codes, std::uint8_t* qh) {
  for (int i = 0; i < 4; ++i) {
    int byte = 0;
    for (int bit = 0; bit < 8; ++bit) byte |= (codes[8 * i + bit] >> 4) << bit;
    qh[i] = static_cast<std::uint8_t>(byte);
  }
}

// weight = d * level(code); the least error under the f16 that d becomes.
template <class Levels>
HEARTH_ALWAYS_INLINE std::uint16_t fit_scaled_codes(const float* in, const float* importance, const Levels& levels,
                                                    float low, float high, float step, int* codes) {
  const ScaledValues<32> values(in);
  float weights[32];
  error_weights(values.x, importance, 32, weights);
  const std::uint16_t d = values.to_f16(fit_scale<2>(values.x, weights, 32, levels, low, high, step));
  const float inverse = inverse_of(values.from_f16(d));
  for (int i = 0; i < 32; ++i) codes[i] = levels.code(values.x[i] * inverse);
  return d;
}

// weight = d * code + m
template <class Block>
HEARTH_ALWAYS_INLINE void fit_offset_codes(const float* in, const float* importance, int code_max, Block& block,
                                           int* codes) {
  ScaledValues<32> values(in);
  float weights[32];
  error_weights(values.x, importance, 32, weights);
  // The search knows minimums >= 0 only: values are moved so that the smallest of all is not above zero.
  float smallest = values.x[0];
  for (int i = 1; i < 32; ++i) smallest = values.x[i] < smallest ? values.x[i] : smallest;
  const float shift = smallest > 0.0f ? smallest : 0.0f;
  for (int i = 0; i < 32; ++i) values.x[i] -= shift;
  const ScaleMin fit = fit_scale_and_min(values.x, weights, 32, code_max);
  block.d = values.to_f16(fit.scale);
  block.m = values.to_f16(shift - fit.min);
  const float inverse = inverse_of(values.from_f16(block.d)), offset = values.from_f16(block.m) - shift;
  const IntegerLevels levels{0.0f, static_cast<float>(code_max)};
  for (int i = 0; i < 32; ++i) codes[i] = levels.code((values.x[i] - offset) * inverse);
}

struct EncodeQ4_0 {
  using Block = Q4_0Block;
  static HEARTH_ALWAYS_INLINE Block block(const float* in, const float* importance) {
    int codes[32];
    Block block;
    block.d = fit_scaled_codes(in, importance, IntegerLevels{-8, 7}, -8, 7, 0.125f, codes);
    set_nibbles(codes, block.qs);
    return block;
  }
};

struct EncodeQ4_1 {
  using Block = Q4_1Block;
  static HEARTH_ALWAYS_INLINE Block block(const float* in, const float* importance) {
    int codes[32];
    Block block;
    fit_offset_codes(in, importance, 15, block, codes);
    set_nibbles(codes, block.qs);
    return block;
  }
};

struct EncodeQ5_0 {
  using Block = Q5_0Block;
  static HEARTH_ALWAYS_INLINE Block block(const float* in, const float* importance) {
    int codes[32];
    Block block;
    block.d = fit_scaled_codes(in, importance, IntegerLevels{-16, 15}, -16, 15, 0.125f, codes);
    set_nibbles(codes, block.qs);
    set_fifth_bits(codes, block.qh);
    return block;
  }
};

struct EncodeQ5_1 {
  using Block = Q5_1Block;
  static HEARTH_ALWAYS_INLINE Block block(const float* in, const float* importance) {
    int codes[32];
    Block block;
    fit_offset_codes(in, importance, 31, block, codes);
    set_nibbles(codes, block.qs);
    set_fifth_bits(codes, block.qh);
    return block;
  }
};

struct EncodeIq4Nl {
  using Block = Iq4NlBlock;
  static HEARTH_ALWAYS_INLINE Block block(const float* in, const float* importance) {
    int codes[32];
    Block block;
    block.d = fit_scaled_codes(in, importance, Iq4Levels{}, -127, 113, 2.0f, codes);
    set_nibbles(codes, block.qs);
    return block;
  }
};

struct EncodeIq4Xs {
  using Block = Iq4XsBlock;
  static HEARTH_ALWAYS_INLINE Block block(const float* in, const float* importance) {
    const ScaleBlock<8> fit =
        fit_scale_block<8, 2>(in, importance, Iq4Levels{}, -127, 113, 2.0f, IntegerLevels{-32, 31});
    Block block{};
    block.d = fit.d;
    int high = 0;
    for (int g = 0; g < 8; ++g) {
      const int scale = fit.scale[g] + 32;
      block.scales_l[g / 2] = static_cast<std::uint8_t>(block.scales_l[g / 2] | (scale & 15) << (4 * (g % 2)));
      high |= (scale >> 4) << (2 * g);
      int codes[32];
      for (int i = 0; i < 32; ++i) codes[i] = fit.codes[32 * g + i];
      set_nibbles(codes, block.qs + 16 * g);
    }
    block.scales_h = static_cast<std::uint16_t>(high);
    return block;
  }
};

}  // namespace

void encode_q4_0(const float* in, const float* importance, std::byte* blocks, std::int64_t element_count) {
  encode_row<EncodeQ4_0>(in, importance, blocks, element_count);
}

void encode_q4_1(const float* in, const float* importance, std::byte* blocks, std::int64_t element_count) {
  encode_row<EncodeQ4_1>(in, importance, blocks, element_count);
}

void encode_q5_0(const float* in, const float* importance, std::byte* blocks, std::int64_t element_count) {
  encode_row<EncodeQ5_0>(in, importance, blocks, element_count);
}

void encode_q5_1(const float* in, const float* importance, std::byte* blocks, std::int64_t element_count) {
  encode_row<EncodeQ5_1>(in, importance, blocks, element_count);
}

void encode_iq4_nl(const float* in, const float* importance, std::byte* blocks, std::int64_t element_count) {
  encode_row<EncodeIq4Nl>(in, importance, blocks, element_count);
}

void encode_iq4_xs(const float* in, const float* importance, std::byte* blocks, std::int64_t element_count) {
  encode_row<EncodeIq4Xs>(in, importance, blocks, element_count);
}

}  // namespace hearth::HEARTH_ISA
