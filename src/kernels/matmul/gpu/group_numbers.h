// Groups of weights as some layouts of gpu_layout.h have them: scales that are small integers times a factor
// (kNumbers), and weights that are small floating-point numbers (kFloats).
#pragma once

#include <cstddef>
#include <cstdint>

#include "formats/format.h"

namespace hearth {

inline constexpr int kNumbersBlock = 256;  // elements of a block of any of these formats

struct GroupNumbers {
  std::uint16_t factor[2];  // f16; the second one the minimums'
  std::uint8_t number[16];  // of each 16 weights; with minimums, the minimum's in the upper four bits
};

// Of q2_k, q3_k and those of iq1 and iq2. A factor that is not a number becomes the NaN without low bits.
GroupNumbers group_numbers(Format format, const std::byte* block);

// 32 weights as E4M3 codes and what they are multiplied with.
struct FloatGroup {
  float scale;
  std::uint8_t codes[32];
};

// Of fp8_e4m3 and mxfp6_e3m2, whose values E4M3 has. The codes are numbers: where one is a NaN the scale becomes it.
FloatGroup float_group(Format format, const std::byte* block);

}  // namespace hearth
