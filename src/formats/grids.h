// The codebooks of the iq1, iq2 and iq3 formats (ggml's "grids"): vectors of eight or four small integers, of which a
// weight's code names one. Signs, and what is added to iq1's, stand beside the codes.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include "formats/always_inline.h"

namespace hearth {

// A byte for each element, the first in the lowest byte. The magnitudes of iq2 are 8, 25 and 43, those of iq3_xxs 4 to
// 62, those of iq3_s the odd numbers to 15. The elements of iq1's grid are -1, 0 and 1.
extern const std::array<std::uint64_t, 256> kIq2XxsGrid;
extern const std::array<std::uint64_t, 512> kIq2XsGrid;
extern const std::array<std::uint64_t, 1024> kIq2SGrid;
extern const std::array<std::uint64_t, 2048> kIq1Grid;
extern const std::array<std::uint32_t, 256> kIq3XxsGrid;
extern const std::array<std::uint32_t, 512> kIq3SGrid;

// Eight integers from their magnitudes; bit i of `signs` makes element i negative.
HEARTH_ALWAYS_INLINE void put_signed(std::int8_t* q, std::uint64_t magnitudes, unsigned signs) {
  for (int i = 0; i < 8; ++i) {
    const auto magnitude = static_cast<std::int8_t>(magnitudes >> (8 * i) & 0xff);
    q[i] = static_cast<std::int8_t>((signs >> i & 1) != 0 ? -magnitude : magnitude);
  }
}

// Of some formats a vector has seven signs written down; the eighth makes the number of negative elements even.
HEARTH_ALWAYS_INLINE unsigned with_eighth_sign(unsigned signs) {
  return (signs & 127) | static_cast<unsigned>(__builtin_parity(signs & 127)) << 7;
}

// Eight of iq1's integers: 8 g + 1, or 8 g - 1, for the elements g of a vector.
HEARTH_ALWAYS_INLINE void put_shifted(std::int8_t* q, std::uint64_t vector, bool minus) {
  for (int i = 0; i < 8; ++i) {
    const auto element = static_cast<std::int8_t>(vector >> (8 * i) & 0xff);
    q[i] = static_cast<std::int8_t>(8 * element + (minus ? -1 : 1));
  }
}

HEARTH_ALWAYS_INLINE std::uint32_t word_at(const std::uint8_t* bytes) {
  std::uint32_t word;
  std::memcpy(&word, bytes, sizeof word);
  return word;
}

}  // namespace hearth
