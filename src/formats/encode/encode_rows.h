// What the encoders that search (scale_search.h) have in common: how a block is scaled, what weighs the errors, and the
// walk along a row.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "formats/always_inline.h"
#include "formats/float16.h"

namespace hearth::HEARTH_ISA {

// The weights of a block, finite and multiplied by 2^-exponent, so that the largest magnitude is in [1, 2) (or 0).
template <int kCount>
struct ScaledValues {
  float x[kCount];
  int exponent = 0;

  HEARTH_ALWAYS_INLINE explicit ScaledValues(const float* in) {
    float largest = 0.0f;
    for (int i = 0; i < kCount; ++i) {
      constexpr float kMax = 0x1.fffffep127f;
      const float raised = in[i] > -kMax ? in[i] : -kMax, value = raised < kMax ? raised : kMax;
      x[i] = in[i] == in[i] ? value : 0.0f;
      largest = std::fabs(x[i]) > largest ? std::fabs(x[i]) : largest;
    }
    if (largest > 0.0f) exponent = std::ilogb(largest);
    const double factor = std::ldexp(1.0, -exponent);
    for (int i = 0; i < kCount; ++i) x[i] = static_cast<float>(x[i] * factor);
  }

  // A scale of scaled values as an f16 of the true ones, and back as what it stands for among the scaled.
  HEARTH_ALWAYS_INLINE std::uint16_t to_f16(float scale) const {
    const double value = std::ldexp(static_cast<double>(scale), exponent);
    const double raised = value > -double{kF16Max} ? value : -double{kF16Max};
    return f32_to_f16(static_cast<float>(raised < double{kF16Max} ? raised : double{kF16Max}));
  }
  HEARTH_ALWAYS_INLINE float from_f16(std::uint16_t half) const {
    return static_cast<float>(std::ldexp(static_cast<double>(f16_to_f32(half)), -exponent));
  }
};

// A weight's share of the error. Without `importance` (one number for each weight, the mean square of what it is
// multiplied with): its magnitude plus the group's root mean square, since large weights move a matrix product's result
// most, and small ones must not be free.
HEARTH_ALWAYS_INLINE void error_weights(const float* x, const float* importance, int count, float* weights) {
  float squares = 0.0f;
  for (int i = 0; i < count; ++i) squares += x[i] * x[i];
  const float mean_square = squares / static_cast<float>(count), rms = std::sqrt(mean_square);
  for (int i = 0; i < count; ++i) {
    weights[i] = importance == nullptr ? rms + std::fabs(x[i]) : importance[i] * std::sqrt(mean_square + x[i] * x[i]);
  }
}

// A row of Encoder::Block, each made by Encoder::block(in, importance).
template <class Encoder>
HEARTH_ALWAYS_INLINE void encode_row(const float* in, const float* importance, std::byte* blocks,
                                     std::int64_t element_count) {
  using Block = typename Encoder::Block;
  for (std::int64_t at = 0; at < element_count; at += Block::kElements) {
    const Block block = Encoder::block(in + at, importance == nullptr ? nullptr : importance + at);
    std::memcpy(blocks, &block, sizeof block);
    blocks += sizeof block;
  }
}

}  // namespace hearth::HEARTH_ISA
