// How weights lie in a GPU's memory for the bf16 kernels: rows in tiles of 16, repacked once at load so that a lane of
// a wave finds what it multiplies in 16 contiguous bytes, and that whole waves read memory in one run. Shared by the
// host, which packs, and the kernels.
//
// A tile is 16 rows by kTileK columns; the tiles of 16 rows stand one after another, in order of k (missing rows and
// columns are zeros), and then come the next 16 rows. Within a tile:
//   codes   [16 rows][4 quads][16 bytes]: the quad q of a k-step (16 columns) has columns 2 q, 2 q + 1, 2 q + 8 and
//           2 q + 9 of it, which is what lane q of four holds in the matrix unit's fragments
//           (of 2 or 3 bits: the codes' two lower bits, 8 bytes a quad)
//   high    [16 rows][4 quads]: of 6 bits the codes' two upper bits, 8 bytes; of 3 bits the third one, 4 bytes
//   scales  [16 rows][groups], bf16; with kHasMin each is followed by minus the minimum, bf16
// or, as small as the files have them, with kNumbers:
//   scales  [16 rows][groups] numbers, a byte or half of one; with kHasMin a byte, the minimum's number in its upper
//   half factors [16 rows], f16: what the numbers are multiplied with; with kHasMin two, the second one the minimums'
// A weight is fma_bf16(code - kOffset, scale, -minimum), one rounding: what formats/ defines. With kFloats it is
// bf16(scale * code), the product in float32.
#pragma once

#include <cstdint>

namespace hearth {

inline constexpr int kTileRows = 16;
// k is summed in segments of this many columns, each in order from zero, and the segments' sums are added in order.
inline constexpr int kGpuMatmulSegment = 1024;

// A scale as a number: factor * (step * number + base) / divisor, exact in float32, then rounded to bf16. A minimum is
// its factor times its number.
struct ScaleNumbers {
  int bits = 0;  // of a number, 4 or 8; 0: scales are bf16 themselves
  int step = 1, base = 0, divisor = 1;
};

template <int kCodeBits_, int kGroup_, bool kHasMin_, int kOffset_, bool kTable_ = false,
          ScaleNumbers kNumbers_ = ScaleNumbers{}, bool kFloats_ = false>
struct GpuLayout {
  static constexpr int kCodeBits = kCodeBits_;  // 2, 3, 4, 6, 8 or 16 (bf16 itself, without scales)
  static constexpr int kGroup = kGroup_;        // columns that share a scale
  static constexpr bool kHasMin = kHasMin_;
  static constexpr int kOffset = kOffset_;
  static constexpr bool kTable = kTable_;  // codes index 16 signed bytes, codes of 3 bits the first 8
  static constexpr ScaleNumbers kNumbers = kNumbers_;
  static constexpr bool kFloats = kFloats_;  // codes are E4M3, scales float32
  static constexpr int kTileK = kCodeBits == 16 ? 32 : kCodeBits == 8 ? 64 : 128;
  static constexpr int kSteps = kTileK / 16;
  static constexpr int kLowBits = kCodeBits == 3 ? 2 : kCodeBits == 6 ? 4 : kCodeBits;  // those among the codes
  static constexpr int kRowCodeBytes = kLowBits == 2 ? 32 : 64;
  static constexpr int kRowHighBytes = kCodeBits == 6 ? 32 : kCodeBits == 3 ? 16 : 0;
  static constexpr int kGroups = kCodeBits == 16 ? 0 : kTileK / kGroup;
  static constexpr int kScaleBits = kFloats ? 32 : kNumbers.bits == 0 ? 16 : kNumbers.bits;
  static constexpr int kRowScaleBytes = kGroups * (kHasMin ? 2 : 1) * kScaleBits / 8;
  static constexpr int kRowFactorBytes = kNumbers.bits == 0 ? 0 : kHasMin ? 4 : 2;
  static constexpr int kHighAt = kTileRows * kRowCodeBytes;
  static constexpr int kScalesAt = kHighAt + kTileRows * kRowHighBytes;
  static constexpr int kFactorsAt = kScalesAt + kTileRows * kRowScaleBytes;
  static constexpr int kTileBytes = kFactorsAt + kTileRows * kRowFactorBytes;
  static_assert(kTileBytes % 16 == 0);
};

using LayoutW2 = GpuLayout<2, 64, false, 1>;                                  // q1_0, q2_0, tq1_0, tq2_0
using LayoutW2Min = GpuLayout<2, 16, true, 0, false, ScaleNumbers{4}>;        // q2_k
using LayoutW3 = GpuLayout<3, 16, false, 4, false, ScaleNumbers{8, 1, -32}>;  // q3_k
using LayoutW3Table =
    GpuLayout<3, 16, false, 64, true, ScaleNumbers{4, 2, 1, 8}>;                // iq1_s, iq1_m, iq2_xxs, iq2_xs, iq2_s
using LayoutW4 = GpuLayout<4, 32, false, 8>;                                    // q4_0
using LayoutW4Min = GpuLayout<4, 32, true, 0>;                                  // q4_1, q4_k, int4
using LayoutW4Table = GpuLayout<4, 32, false, 128, true>;                       // iq4_nl, iq4_xs, mxfp4, iq3_xxs, iq3_s
using LayoutW4TableFine = GpuLayout<4, 16, false, 128, true>;                   // nvfp4
using LayoutW6 = GpuLayout<6, 16, false, 32>;                                   // q6_k
using LayoutW6Min = GpuLayout<6, 32, true, 16>;                                 // q5_0, q5_1, q5_k
using LayoutW8 = GpuLayout<8, 32, false, 128>;                                  // q8_0, mxfp6_e2m3, int8
using LayoutW8Float = GpuLayout<8, 32, false, 0, false, ScaleNumbers{}, true>;  // fp8_e4m3, mxfp6_e3m2
using LayoutW16 = GpuLayout<16, 32, false, 0>;                                  // f32, f16, bf16

// Codes of 2 and 3 bits: a quad has a word of lower bits for each of a k-step's two pairs of columns, and a single word
// of third bits for both. In each byte of a word are four k-steps' codes, every other one. Where codes are numbers the
// two of a pair stand in the word's halves, as those of more bits do, and the third bit often where it follows the
// lower ones. Where they index a table the two stand in neighbouring bytes, so that four codes of a half, masked, are
// the nibbles that choose four bytes of it.
struct LowPlace {
  int step_bit, half_bit;  // of the byte: what an odd step adds, and the second of a pair
  int low, high;           // within the byte; of the second pair the third bit is one further up
};
constexpr LowPlace low_place(bool table, int step) {
  const int odd = step % 2, turn = step / 2;
  if (table) return {16 * odd, 8, turn % 2 * 4 + turn / 2 * 2, turn % 2 * 4 + turn / 2 * 2};
  return {8 * odd, 16, 2 * turn, (2 * turn + 2) % 8};
}

// Where column `column` of a tile's row has its code: bit offsets into the row's codes, and into its high bits.
struct CodePlace {
  int code_bit;
  int high_bit;
};
template <class Layout>
constexpr CodePlace code_place(int column) {
  const int step = column / 16, within = column % 16;
  const int quad = within % 8 / 2, element = within % 2 + 2 * (within / 8);
  const int quad_bit = quad * Layout::kRowCodeBytes * 2;
  if constexpr (Layout::kCodeBits == 16) return {quad_bit + 64 * step + 16 * element, 0};
  // Two codes of a pair lie in the two halves of a 32-bit word, so that one mask takes both.
  const int half = element % 2, pair = element / 2;
  if constexpr (Layout::kCodeBits == 8) return {quad_bit + 32 * step + 16 * half + 8 * pair, 0};
  if constexpr (Layout::kLowBits == 2) {
    const LowPlace low = low_place(Layout::kTable, step);
    const int at = low.step_bit + low.half_bit * half;
    return {quad_bit + 32 * pair + at + low.low, quad * 32 + at + low.high + pair};
  }
  // Codes that index a table: a step's four in one half, so that one permutation looks up all of them.
  if constexpr (Layout::kTable) return {quad_bit + 32 * (step / 2) + 16 * (step % 2) + 8 * half + 4 * pair, 0};
  const int word = step / 2, reg = step % 2 * 2 + pair;
  return {quad_bit + 32 * word + 16 * half + 4 * reg,
          quad * 64 + 32 * (word / 2) + 16 * half + 8 * (word % 2) + 2 * reg};
}

}  // namespace hearth
