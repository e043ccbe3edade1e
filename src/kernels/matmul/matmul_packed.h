// The layouts that the int8 kernels for q8_0 and q4_0 stream: eight rows of the weight stand side by side, so that one
// vector holds the same columns of eight rows, their scales are one load, and decode reads memory in one run.
//
// A panel is eight rows (missing rows at the end are zeros); a panel is k / 32 tiles, in order; panels follow each
// other.
#pragma once

#include <cstddef>
#include <cstdint>

#include "device/device.h"

namespace hearth {

inline constexpr std::int64_t kPanelRows = 8;

// scale[r] is row r's float16 scale. q[j][r][i] is column 4 j + i of the block.
struct TileQ8_0 {
  std::uint16_t scale[kPanelRows];
  std::int8_t q[8][kPanelRows][4];
};
static_assert(sizeof(TileQ8_0) == kPanelRows * 34);

// q[j][r][i]: column 4 j + i in the low half, column 16 + 4 j + i in the high half.
struct TileQ4_0 {
  std::uint16_t scale[kPanelRows];
  std::uint8_t q[4][kPanelRows][4];
};
static_assert(sizeof(TileQ4_0) == kPanelRows * 18);

// Bytes of a packed matrix [n, k]; k is a multiple of 32.
std::int64_t packed_bytes_q8_0(std::int64_t n, std::int64_t k);
std::int64_t packed_bytes_q4_0(std::int64_t n, std::int64_t k);

// Rewrites a matrix [n, k] from the file's layout. `stream` is a CPU stream.
void pack_q8_0(Stream& stream, const std::byte* weights, std::int64_t n, std::int64_t k, std::byte* packed);
void pack_q4_0(Stream& stream, const std::byte* weights, std::int64_t n, std::int64_t k, std::byte* packed);

// float16 rows as bf16 rows, for computing in bf16: rounding every weight again for every token costs a third of the
// speed.
std::int64_t packed_bytes_bf16(std::int64_t n, std::int64_t k);
void pack_bf16_from_f16(Stream& stream, const std::byte* weights, std::int64_t n, std::int64_t k, std::byte* packed);

}  // namespace hearth
