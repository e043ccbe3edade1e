// tq1_0: 256 weights of {-1, 0, 1} times an f16 d, five to a byte. A byte is a fraction of 256: times 3^n, without what
// overflows, its n-th digit to base 3 is the whole part of three times the rest; the digit less 1 is the weight. Bytes
// 0-31 hold weights m, m + 32, … m + 128, bytes 32-47 160 + m, 176 + m, … and the four of `qh`, of four digits each,
// 240 + m, 244 + m, …
#pragma once

#include <cstdint>

#include "formats/always_inline.h"
#include "formats/float16.h"

namespace hearth {

struct Tq1_0Block {
  static constexpr int kElements = 256;
  static constexpr bool kHasMin = false;

  std::uint8_t qs[48];
  std::uint8_t qh[4];
  std::uint16_t d;  // f16

  // One digit of `count` bytes after the other; the bytes are left without them.
  HEARTH_ALWAYS_INLINE static void take_digits(const std::uint8_t* bytes, int count, int digits, std::int8_t* q) {
    for (int m = 0; m < count; ++m) {
      unsigned rest = bytes[m];
      for (int n = 0; n < digits; ++n) {
        q[n * count + m] = static_cast<std::int8_t>(static_cast<int>(3 * rest >> 8) - 1);
        rest = 3 * rest & 255;
      }
    }
  }

  HEARTH_ALWAYS_INLINE void unpack(std::int8_t* q, float* scale, float*) const {
    for (int g = 0; g < 16; ++g) scale[g] = f16_to_f32(d);
    take_digits(qs, 32, 5, q);
    take_digits(qs + 32, 16, 5, q + 160);
    take_digits(qh, 4, 4, q + 240);
  }
};
static_assert(sizeof(Tq1_0Block) == 54);

}  // namespace hearth
