// Codes of 2 and 3 bits, and scales as numbers (gpu_layout.h), from the words that a lane has loaded. Device code for
// fragment_gpu.h, for all GPUs; what is constant once loops are unrolled folds away.
#pragma once

#include "device/gpu/gpu.h"
#include "kernels/matmul/gpu/gpu_layout.h"

namespace hearth::gpu {

// Bit `from` of the word, and with it every other, at bit `to`.
HEARTH_DEVICE std::uint32_t moved_bits(std::uint32_t word, int from, int to) {
  return from >= to ? word >> (from - to) : word << (to - from);
}

// The codes of pair `pair` of two k-steps, 2 `turn` and the one after it, a byte each. With a table the first one's
// stand in bytes 0 and 1, else in 0 and 2.
template <class Layout>
HEARTH_DEVICE std::uint32_t low_code_bytes(std::uint32_t word, std::uint32_t high, int turn, int pair) {
  constexpr std::uint32_t kLow = 0x03030303u, kHigh = 0x04040404u;
  const LowPlace place = low_place(Layout::kTable, 2 * turn);
  const std::uint32_t codes = word >> place.low & kLow;
  if constexpr (Layout::kCodeBits == 2) return codes;
  return codes | (moved_bits(high >> pair, place.high, 2) & kHigh);
}

// How far up in a half low_code_pair() leaves a step's codes: where they stand, so far as a subnormal number may.
template <class Layout>
constexpr int low_code_shift(int step) {
  if (Layout::kTable) return 0;
  const int at = low_place(false, step).low;
  return Layout::kCodeBits == 3 && at == 6 ? 4 : at;
}

// The two codes of a pair in the halves, `low_code_shift` bits up; of a table layout, what the table has for them.
template <class Layout>
HEARTH_DEVICE std::uint32_t low_code_pair(std::uint32_t word, std::uint32_t high, int step, int pair,
                                          const std::uint32_t (&table)[4]) {
  const LowPlace place = low_place(Layout::kTable, step);
  if constexpr (Layout::kTable) {
    // The nibbles of every other two steps; one half of them chooses four bytes, two of them this step's.
    const int nibble_bit = place.low % 4;
    const std::uint32_t nibbles =
        (word >> nibble_bit & 0x33333333u) | (moved_bits(high, nibble_bit + pair, 2) & 0x44444444u);
    const std::uint32_t bytes = permute_bytes(table[0], table[1], nibbles >> place.step_bit);
    return bytes >> (place.low / 4 * 8) & 0x00ff00ffu;
  } else {
    const int shift = low_code_shift<Layout>(step), at = place.low + place.step_bit;
    const std::uint32_t low = moved_bits(word, at, shift) & (0x00030003u << shift);
    if constexpr (Layout::kCodeBits == 2) return low;
    return low | (moved_bits(high, place.high + place.step_bit + pair, shift + 2) & (0x00040004u << shift));
  }
}

// The number of the scale or minimum of group `first` + `more`, as float32: of one word's, `first` a constant. Where
// fma is exact and as fast as what else there is, 2^23 too large, which a float32 is whose lower bits are the number.
inline constexpr float kNumberBias = kFastSubnormals ? 0x1p23f : 0;
template <class Layout>
HEARTH_DEVICE float scale_number(const std::uint32_t* words, int first, int more, bool of_minimum) {
  constexpr int kBits = Layout::kNumbers.bits, kGroupBits = Layout::kHasMin ? 2 * kBits : kBits;
  constexpr int kPerWord = 32 / kGroupBits;
  const int at = (first % kPerWord + more) * kGroupBits + (of_minimum ? kBits : 0);
  const std::uint32_t number = words[first / kPerWord] >> at & ((1u << kBits) - 1u);
  return kFastSubnormals ? float_from_bits(number | 0x4b000000u) : static_cast<float>(number);
}

// A group's scale, `power` times, from its factor and its number; exact.
template <class Layout>
HEARTH_DEVICE float scale_of_number(float factor, float number, float power) {
  constexpr ScaleNumbers kNumbers = Layout::kNumbers;
  constexpr float kStep = static_cast<float>(kNumbers.step) / static_cast<float>(kNumbers.divisor);
  constexpr float kMore = static_cast<float>(kNumbers.base) / static_cast<float>(kNumbers.step) - kNumberBias;
  static_assert(kNumbers.step <= 2);  // kMore is exact
  return (number + kMore) * (factor * (kStep * power));
}
HEARTH_DEVICE float minimum_of_number(float factor, float number, float power) {
  return (number - kNumberBias) * (factor * power);
}

}  // namespace hearth::gpu
