// The scales of formats whose blocks have them as small integers: the integers and what they are multiplied with, as
// gpu_layout.h's kNumbers has them.
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

}  // namespace hearth
