// iq2_s: 256 weights in 32 vectors of eight, with an f16 d. Vector v has its place in the grid of 1024 in byte v of
// `places` and, the upper two bits, in bits 2 (v mod 4) of byte v / 4 of `places_high`, and eight signs in byte v of
// `signs`. Scales as in iq2_xs: weight = (d * (2 sc + 1) / 8) * q with q of +-{8, 25, 43}.
#pragma once

#include <cstdint>

#include "formats/always_inline.h"
#include "formats/grids.h"
#include "formats/iq2_xs.h"

namespace hearth {

struct Iq2SBlock {
  static constexpr int kElements = 256;
  static constexpr bool kHasMin = false;

  std::uint16_t d;  // f16
  std::uint8_t places[32];
  std::uint8_t signs[32];
  std::uint8_t places_high[8];
  std::uint8_t scales[8];

  HEARTH_ALWAYS_INLINE void unpack(std::int8_t* q, float* scale, float*) const {
    for (int g = 0; g < 16; ++g) scale[g] = iq2_scale(d, scales, g);
    for (int v = 0; v < 32; ++v) {
      const int high = places_high[v / 4] >> (2 * (v % 4)) & 3;
      put_signed(q + 8 * v, kIq2SGrid[static_cast<std::size_t>(places[v] | high << 8)], signs[v]);
    }
  }
};
static_assert(sizeof(Iq2SBlock) == 82);

}  // namespace hearth
