// How weights lie in a GPU's memory for the bf16 kernels: rows in tiles of 16, repacked once at load so that a lane of
// a wave finds what it multiplies in 16 contiguous bytes, and that whole waves read memory in one run. Shared by the
// host, which packs, and the kernels.
//
// A tile is 16 rows by kTileK columns; the tiles of 16 rows stand one after another, in order of k (missing rows and
// columns are zeros), and then come the next 16 rows. Within a tile:
//   codes   [16 rows][4 quads][16 bytes]: the quad q of a k-step (16 columns) has columns 2 q, 2 q + 1, 2 q + 8 and
//           2 q + 9 of it, which is what lane q of four holds in the matrix unit's fragments
//   high    [16 rows][4 quads][8 bytes], 6-bit layouts only: the codes' two upper bits
//   scales  [16 rows][groups], bf16; with kHasMin each is followed by minus the minimum, bf16
// A weight is fma_bf16(code - kOffset, scale, -minimum), one rounding: what formats/ defines.
#pragma once

#include <cstdint>

namespace hearth {

inline constexpr int kTileRows = 16;
// k is summed in segments of this many columns, each in order from zero, and the segments' sums are added in order.
inline constexpr int kGpuMatmulSegment = 1024;

template <int kCodeBits_, int kGroup_, bool kHasMin_, int kOffset_, bool kTable_ = false>
struct GpuLayout {
  static constexpr int kCodeBits = kCodeBits_;  // 4, 6, 8 or 16 (bf16 itself, without scales)
  static constexpr int kGroup = kGroup_;        // columns that share a scale
  static constexpr bool kHasMin = kHasMin_;
  static constexpr int kOffset = kOffset_;
  static constexpr bool kTable = kTable_;  // codes index 16 signed bytes
  static constexpr int kTileK = kCodeBits == 16 ? 32 : kCodeBits == 8 ? 64 : 128;
  static constexpr int kSteps = kTileK / 16;
  static constexpr int kRowCodeBytes = 64;
  static constexpr int kRowHighBytes = kCodeBits == 6 ? 32 : 0;
  static constexpr int kGroups = kCodeBits == 16 ? 0 : kTileK / kGroup;
  static constexpr int kRowScaleBytes = kGroups * (kHasMin ? 4 : 2);
  static constexpr int kHighAt = kTileRows * kRowCodeBytes;
  static constexpr int kScalesAt = kHighAt + kTileRows * kRowHighBytes;
  static constexpr int kTileBytes = kScalesAt + kTileRows * kRowScaleBytes;
  static_assert(kTileBytes % 16 == 0);
};

using LayoutW4 = GpuLayout<4, 32, false, 8>;                 // q4_0, q1_0, q2_0, tq1_0, tq2_0
using LayoutW4Min = GpuLayout<4, 32, true, 0>;               // q4_1, q4_k, int4
using LayoutW4Fine = GpuLayout<4, 16, true, 8>;              // q2_k, q3_k
using LayoutW4Table = GpuLayout<4, 32, false, 0, true>;      // iq4_nl, iq4_xs, mxfp4, iq1_s, iq2_xxs, iq3_xxs, iq3_s
using LayoutW4TableFine = GpuLayout<4, 16, false, 0, true>;  // iq1_m, iq2_xs, iq2_s, nvfp4
using LayoutW6 = GpuLayout<6, 16, false, 32>;                // q6_k
using LayoutW6Min = GpuLayout<6, 32, true, 16>;              // q5_0, q5_1, q5_k
using LayoutW8 = GpuLayout<8, 32, false, 128>;               // q8_0, mxfp6_e2m3, int8
using LayoutW16 = GpuLayout<16, 32, false, 0>;               // f32, f16, bf16, mxfp6_e3m2, fp8_e4m3

// Where column `column` of a tile's row has its code: bit offsets into the row's codes, and into its high bits.
struct CodePlace {
  int code_bit;
  int high_bit;
};
template <class Layout>
constexpr CodePlace code_place(int column) {
  const int step = column / 16, within = column % 16;
  const int quad = within % 8 / 2, element = within % 2 + 2 * (within / 8);
  const int quad_bit = quad * 128;
  if constexpr (Layout::kCodeBits == 16) return {quad_bit + 64 * step + 16 * element, 0};
  // Two codes of a pair lie in the two halves of a 32-bit word, so that one mask takes both.
  const int half = element % 2, pair = element / 2;
  if constexpr (Layout::kCodeBits == 8) return {quad_bit + 32 * step + 16 * half + 8 * pair, 0};
  const int word = step / 2, reg = step % 2 * 2 + pair;
  return {quad_bit + 32 * word + 16 * half + 4 * reg,
          quad * 64 + 32 * (word / 2) + 16 * half + 8 * (word % 2) + 2 * reg};
}

}  // namespace hearth
