// The layouts that the int8 kernels for q8_0, q4_0, q4_k, q6_k and all formats of at most 16 integers stream: eight
// rows of the weight stand side by side, so that one vector holds the same columns of eight rows, their scales are one
// load, and decode reads memory in one run.
//
// A panel is eight rows (missing rows at the end are zeros); a panel is a row of tiles, one for each block of columns,
// in order; panels follow each other.
#pragma once

#include <cstddef>
#include <cstdint>

#include "formats/format.h"

namespace hearth {

inline constexpr std::int64_t kPanelRows = 8;

// scale[r] is row r's float16 scale. q[j][r][i] is column 4 j + i of the block.
struct TileQ8_0 {
  static constexpr std::int64_t kColumns = 32;
  std::uint16_t scale[kPanelRows];
  std::int8_t q[8][kPanelRows][4];
};
static_assert(sizeof(TileQ8_0) == kPanelRows * 34);

// The same with a float32 scale, which is what int8 has.
struct TileInt8 {
  static constexpr std::int64_t kColumns = 32;
  float scale[kPanelRows];
  std::int8_t q[8][kPanelRows][4];
};
static_assert(sizeof(TileInt8) == kPanelRows * 36);

// q[j][r][i]: column 4 j + i in the low half, column 16 + 4 j + i in the high half.
struct TileQ4_0 {
  static constexpr std::int64_t kColumns = 32;
  std::uint16_t scale[kPanelRows];
  std::uint8_t q[4][kPanelRows][4];
};
static_assert(sizeof(TileQ4_0) == kPanelRows * 18);

// The same with a float32 scale and a zero point of each row, for int4.
struct TileInt4 {
  static constexpr std::int64_t kColumns = 32;
  float scale[kPanelRows];
  std::uint8_t zero[kPanelRows];
  std::uint8_t q[4][kPanelRows][4];
};
static_assert(sizeof(TileInt4) == kPanelRows * 21);

// d[r] and dmin[r] are row r's float16 factors; scale[b][r] and min[b][r] its six-bit ones of block b, a byte each.
// q[p][j][r][i]: column 64 p + 4 j + i in the low half, column 32 further in the high half.
struct TileQ4K {
  static constexpr std::int64_t kColumns = 256;
  std::uint16_t d[kPanelRows];
  std::uint16_t dmin[kPanelRows];
  std::uint8_t scale[8][kPanelRows];
  std::uint8_t min[8][kPanelRows];
  std::uint8_t q[4][8][kPanelRows][4];
};
static_assert(sizeof(TileQ4K) == kPanelRows * 148);  // the file's 144 and the scales' spare bits

// Of each half of 128 columns, with q + 32 split as in q6_k: low[half][s][j][r][i] has the low four bits of columns
// 32 s + 4 j + i (low half of the byte) and 64 further; high[half][j][r][i] the upper two bits of the columns 4 j + i,
// and 32, 64 and 96 further, from the lowest up. scale[g][r]: of the group of 16 columns g.
struct TileQ6K {
  static constexpr std::int64_t kColumns = 256;
  std::uint16_t d[kPanelRows];
  std::int8_t scale[16][kPanelRows];
  std::uint8_t low[2][2][8][kPanelRows][4];
  std::uint8_t high[2][8][kPanelRows][4];
};
static_assert(sizeof(TileQ6K) == kPanelRows * 210);

// Of a format whose integers are looked up (formats/code_values.h), with one scale for 32 columns or for each 16 of
// them: scale[g][r] is row r's of group g, float32, because it is a product that no half holds. q[j][r][i]: the code of
// column 4 j + i in the low half, of column 16 + 4 j + i in the high half.
template <int kScaleGroups>
struct TileCodes {
  static constexpr std::int64_t kColumns = 32;
  static constexpr int kGroups = kScaleGroups;
  float scale[kGroups][kPanelRows];
  std::uint8_t q[4][kPanelRows][4];
};
static_assert(sizeof(TileCodes<1>) == kPanelRows * 20 && sizeof(TileCodes<2>) == kPanelRows * 24);

// Bytes of a packed matrix [n, k]; k is a multiple of the tile's columns.
template <class Tile>
std::int64_t packed_bytes(std::int64_t n, std::int64_t k);

// Packs the panels [panel_begin, panel_end) of a matrix as files have it.
template <class Tile>
void pack(const std::byte* weights, std::int64_t n, std::int64_t k, std::int64_t panel_begin, std::int64_t panel_end,
          std::byte* out);

// The same for TileCodes.
template <int kGroups>
void pack_codes(Format format, const std::byte* weights, std::int64_t n, std::int64_t k, std::int64_t panel_begin,
                std::int64_t panel_end, std::byte* out);

// f16 and fp8 weights of bf16 products are rounded once, at load.
std::int64_t packed_bytes_bf16(std::int64_t n, std::int64_t k);
template <Format kFrom>
void pack_bf16(const std::byte* weights, std::int64_t n, std::int64_t k, std::int64_t panel_begin,
               std::int64_t panel_end, std::byte* out);

}  // namespace hearth
