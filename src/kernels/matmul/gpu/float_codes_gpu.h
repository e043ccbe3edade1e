// Weights from their codes where the matrix unit is not to be given subnormal numbers: through float32. Device code for
// fragment_gpu.h.
#pragma once

#include "device/gpu/gpu.h"
#include "kernels/matmul/gpu/gpu_layout.h"

namespace hearth::gpu {

// What decoding needs all the time: the sixteen bytes that a table layout's codes index, or factors for the scales.
struct CodeTable {
  std::uint32_t word[4];
};

// Codes become float32, an instruction for each byte of a word. A product with a scale is exact there, and one rounding
// to bf16 remains. Scales are below 2^119.
template <class Layout>
constexpr bool kDecodesFloats = !kFastSubnormals && Layout::kCodeBits != 16 && !Layout::kFloats;
// The bytes of table layouts are signed, and as codes 128 too large.
template <class Layout>
constexpr int kFloatOffset = Layout::kTable ? 128 : Layout::kOffset;

// A group's numbers for a weight, (code - offset) * scale + addend, so that the sum in float32 rounds to bf16 as the
// exact one does.
struct FloatScale {
  float scale, addend, at_offset;
  bool differs_at_offset;
};
// Of each row of a lane; and whether any of the wave's differs.
template <int kRows>
struct FloatScales {
  FloatScale of_row[kRows];
  bool any_differs_at_offset;
};

// A product is a multiple of 2^(s - 7), s the scale's exponent, and below 2^(s + 7); the addend one of 2^(a - 7). If
// s - a is at most 10, or the addend is zero, the sum is exact, or so near the addend that there is no tie between two
// bf16. If it is more, the addend's sign is all that counts, and only where the product is a tie itself: any number of
// that sign below 2^(s - 9) does, and 2^(s - 10) leaves the sum exact. But not where the code is the offset: there the
// weight is the addend itself. The argument has the scale and, above it, the addend, as bf16.
HEARTH_DEVICE FloatScale float_scale(std::uint32_t scale_and_addend) {
  const std::uint32_t scale_bits = scale_and_addend << 16, addend_bits = scale_and_addend & 0xffff0000u;
  const float scale = __builtin_bit_cast(float, scale_bits), addend = __builtin_bit_cast(float, addend_bits);
  const int s = static_cast<int>(scale_bits >> 23 & 0xffu), a = static_cast<int>(addend_bits >> 23 & 0xffu);
  if (s - a <= 10 || addend == 0 || s == 0xff) return {scale, addend, fma_exact(0, scale, addend), false};
  const std::uint32_t small = static_cast<std::uint32_t>(s - 10) << 23 | (addend_bits & 0x80000000u);
  return {scale, __builtin_bit_cast(float, small), addend, true};
}

// A weight in float32, before it is rounded. With a minimum the offset is taken off first: the two together would be
// rounded.
template <class Layout, bool kDiffersAtOffset>
HEARTH_DEVICE float float_weight(std::uint32_t code, const FloatScale& scale) {
  constexpr float kTakenOff = Layout::kHasMin ? Layout::kOffset : 0;
  const float value = static_cast<float>(code) - kTakenOff;
  const float sum = fma_exact(value, scale.scale, scale.addend);
  return kDiffersAtOffset && value == 0 ? scale.at_offset : sum;
}

// Two codes of E4M3, in the low bytes of the halves, times the scale: rounded in float32, then to bf16. As bits of an
// f16, whose exponents are 8 less, they are numbers 2^-8 as large.
HEARTH_DEVICE Bf16Pair pair_of_e4m3(std::uint32_t codes, float scale) {
  const std::uint32_t halves = (codes << 8 & 0x80008000u) | (codes << 7 & 0x3f803f80u);
  return pair_of_floats(half_to_float(static_cast<std::uint16_t>(halves & 0xffffu)) * (scale * 256),
                        half_to_float(static_cast<std::uint16_t>(halves >> 16)) * (scale * 256));
}

// Rounded to nearest. A NaN that comes of bf16 has no low bits, which would carry into the upper ones.
HEARTH_DEVICE Bf16Pair pair_of_sums(float low, float high) {
  const auto rounded = [](float value) {
    const std::uint32_t bits = __builtin_bit_cast(std::uint32_t, value);
    return bits + 0x7fffu + (bits >> 16 & 1u);
  };
  return permute_bytes(rounded(low), rounded(high), 0x7632);
}

// The bytes of a table that four codes below 16 index, a byte each.
HEARTH_DEVICE std::uint32_t look_up_bytes(const CodeTable& table, std::uint32_t codes) {
  const std::uint32_t index = codes & 0x07070707u;
  const std::uint32_t lower = select_bytes(table.word[0], table.word[1], index);
  const std::uint32_t upper = select_bytes(table.word[2], table.word[3], index);
  // Byte 0 of the two words is zero, byte 4 all ones.
  const std::uint32_t mask = select_bytes(0, 0xffu, codes >> 1 & 0x04040404u);
  return (lower & ~mask) | (upper & mask);
}

}  // namespace hearth::gpu
