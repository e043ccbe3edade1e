// The 12 bytes in which q4_k and q5_k keep eight 6-bit scales and eight 6-bit minimums: bytes 0-3 and 4-7 hold the
// scales and the minimums of groups 0-3 in their low six bits; bytes 8-11 hold the low nibbles of groups 4-7 (scale
// low, minimum high), whose upper two bits are the spare top bits of bytes 0-3 (scales) and 4-7 (minimums).
#pragma once

#include <cstdint>

#include "formats/always_inline.h"

namespace hearth {

struct KScaleMin {
  int scale;
  int min;
};

HEARTH_ALWAYS_INLINE KScaleMin unpack_k_scale(const std::uint8_t (&packed)[12], int group) {
  if (group < 4) return {packed[group] & 63, packed[group + 4] & 63};
  return {(packed[group + 4] & 15) | (packed[group - 4] >> 6) << 4, (packed[group + 4] >> 4) | (packed[group] >> 6)
                                                                                                   << 4};
}

// Both values in [0, 63]; the bytes are zero before the first group, and groups come in ascending order.
inline void pack_k_scale(std::uint8_t (&packed)[12], int group, KScaleMin value) {
  const auto add = [&](int byte, int bits) { packed[byte] = static_cast<std::uint8_t>(packed[byte] | bits); };
  if (group < 4) {
    add(group, value.scale);
    add(group + 4, value.min);
  } else {
    add(group + 4, (value.scale & 15) | (value.min & 15) << 4);
    add(group - 4, (value.scale >> 4) << 6);
    add(group, (value.min >> 4) << 6);
  }
}

}  // namespace hearth
