// iq1_m: 256 weights in 32 vectors of eight of iq1_s's grid. Vector v has the lower bits of its place in byte v of
// `places`, and in nibble v of `places_high` the upper three and, in the top bit, a sign. The four little-endian 16-bit
// numbers of `scales` hold a nibble each, in their top, of the f16 d (the lowest first), and below them 3-bit scales,
// one for each 16 weights, from the lowest up. weight = (d * (2 sc + 1) / 8) * (8 g +- 1), as in iq1_s.
#pragma once

#include <cstdint>

#include "formats/always_inline.h"
#include "formats/float16.h"
#include "formats/grids.h"

namespace hearth {

struct Iq1MBlock {
  static constexpr int kElements = 256;
  static constexpr bool kHasMin = false;

  std::uint8_t places[32];
  std::uint8_t places_high[16];
  std::uint16_t scales[4];

  HEARTH_ALWAYS_INLINE std::uint16_t d() const {
    const int bits = scales[0] >> 12 | (scales[1] >> 12) << 4 | (scales[2] >> 12) << 8 | (scales[3] >> 12) << 12;
    return static_cast<std::uint16_t>(bits);
  }
  HEARTH_ALWAYS_INLINE int group_scale(int g) const { return scales[g / 4] >> (3 * (g % 4)) & 7; }

  HEARTH_ALWAYS_INLINE void unpack(std::int8_t* q, float* scale, float*) const {
    for (int g = 0; g < 16; ++g) {
      scale[g] = f16_to_f32(d()) * static_cast<float>(2 * group_scale(g) + 1) * 0.125f;
    }
    for (int v = 0; v < 32; ++v) {
      const int high = places_high[v / 2] >> (4 * (v % 2)) & 15;
      put_shifted(q + 8 * v, kIq1Grid[static_cast<std::size_t>(places[v] | (high & 7) << 8)], high > 7);
    }
  }
};
static_assert(sizeof(Iq1MBlock) == 56);

}  // namespace hearth
