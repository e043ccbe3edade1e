// iq3_s: 256 weights in 64 vectors of four, with an f16 d. Vector v has its place in the grid of 512 in byte v of
// `places` and, the ninth bit, in bit v mod 8 of byte v / 8 of `places_high`; weight i is negative where bit i of
// `signs` is set. Each 32 weights have a 4-bit scale, the first of two in the low nibble: weight = (d * (2 sc + 1)) * q
// with q of
// +-{1, 3, …, 15}.
#pragma once

#include <cstdint>

#include "formats/always_inline.h"
#include "formats/float16.h"
#include "formats/grids.h"

namespace hearth {

struct Iq3SBlock {
  static constexpr int kElements = 256;
  static constexpr bool kHasMin = false;

  std::uint16_t d;  // f16
  std::uint8_t places[64];
  std::uint8_t places_high[8];
  std::uint8_t signs[32];
  std::uint8_t scales[4];

  HEARTH_ALWAYS_INLINE std::uint32_t vector(int v) const {
    const int high = places_high[v / 8] >> (v % 8) & 1;
    return kIq3SGrid[static_cast<std::size_t>(places[v] | high << 8)];
  }

  HEARTH_ALWAYS_INLINE void unpack(std::int8_t* q, float* scale, float*) const {
    for (int g = 0; g < 8; ++g) {
      const int factor = 2 * (scales[g / 2] >> (4 * (g % 2)) & 15) + 1;
      scale[2 * g] = scale[2 * g + 1] = f16_to_f32(d) * static_cast<float>(factor);
    }
    for (int v = 0; v < 64; v += 2) {
      put_signed(q + 4 * v, vector(v) | std::uint64_t{vector(v + 1)} << 32, signs[v / 2]);
    }
  }
};
static_assert(sizeof(Iq3SBlock) == 110);

}  // namespace hearth
