#include "kernels/matmul/cpu/matmul_packed.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/check.h"
#include "formats/group_int4.h"
#include "formats/group_int8.h"
#include "formats/integer_block.h"
#include "formats/q4_0.h"
#include "formats/q4_k.h"
#include "formats/q6_k.h"
#include "formats/q8_0.h"
#include "kernels/matmul/integer_row.h"

namespace hearth {
namespace {

void put_row(TileQ8_0& tile, std::int64_t r, const Q8_0Block& block) {
  std::memcpy(&tile.scale[r], &block.d, sizeof block.d);
  for (int j = 0; j < 8; ++j) std::memcpy(tile.q[j][r], block.qs + 4 * j, 4);
}

void put_row(TileQ4_0& tile, std::int64_t r, const Q4_0Block& block) {
  std::memcpy(&tile.scale[r], &block.d, sizeof block.d);
  for (int j = 0; j < 4; ++j) std::memcpy(tile.q[j][r], block.qs + 4 * j, 4);
}

void put_row(TileInt8& tile, std::int64_t r, const Int8Block& block) {
  tile.scale[r] = block.d;
  for (int j = 0; j < 8; ++j) std::memcpy(tile.q[j][r], block.qs + 4 * j, 4);
}

void put_row(TileInt4& tile, std::int64_t r, const Int4Block& block) {
  tile.scale[r] = block.d;
  tile.zero[r] = block.zero;
  for (int j = 0; j < 4; ++j) std::memcpy(tile.q[j][r], block.qs + 4 * j, 4);
}

void put_row(TileQ4K& tile, std::int64_t r, const Q4KBlock& block) {
  tile.d[r] = block.d;
  tile.dmin[r] = block.dmin;
  for (int b = 0; b < 8; ++b) {
    const KScaleMin factors = unpack_k_scale(block.scales, b);
    tile.scale[b][r] = static_cast<std::uint8_t>(factors.scale);
    tile.min[b][r] = static_cast<std::uint8_t>(factors.min);
  }
  for (int p = 0; p < 4; ++p) {
    for (int j = 0; j < 8; ++j) std::memcpy(tile.q[p][j][r], block.qs + 32 * p + 4 * j, 4);
  }
}

void put_row(TileQ6K& tile, std::int64_t r, const Q6KBlock& block) {
  tile.d[r] = block.d;
  for (int g = 0; g < 16; ++g) tile.scale[g][r] = block.scales[g];
  for (int half = 0; half < 2; ++half) {
    for (int j = 0; j < 8; ++j) {
      for (int s = 0; s < 2; ++s) std::memcpy(tile.low[half][s][j][r], block.ql + 64 * half + 32 * s + 4 * j, 4);
      std::memcpy(tile.high[half][j][r], block.qh + 32 * half + 4 * j, 4);
    }
  }
}

template <class Tile>
struct BlockOf;
template <>
struct BlockOf<TileQ8_0> {
  using Type = Q8_0Block;
};
template <>
struct BlockOf<TileQ4_0> {
  using Type = Q4_0Block;
};
template <>
struct BlockOf<TileInt8> {
  using Type = Int8Block;
};
template <>
struct BlockOf<TileInt4> {
  using Type = Int4Block;
};
template <>
struct BlockOf<TileQ4K> {
  using Type = Q4KBlock;
};
template <>
struct BlockOf<TileQ6K> {
  using Type = Q6KBlock;
};

std::int64_t panel_count(std::int64_t n) {
  return (n + kPanelRows - 1) / kPanelRows;
}

}  // namespace

template <class Tile>
std::int64_t packed_bytes(std::int64_t n, std::int64_t k) {
  return panel_count(n) * (k / Tile::kColumns) * std::int64_t{sizeof(Tile)};
}

template <class Tile>
void pack(const std::byte* weights, std::int64_t n, std::int64_t k, std::int64_t panel_begin, std::int64_t panel_end,
          std::byte* out) {
  using Block = typename BlockOf<Tile>::Type;
  CHECK(k % Tile::kColumns == 0);
  const std::int64_t tiles = k / Tile::kColumns;
  for (std::int64_t panel = panel_begin; panel < panel_end; ++panel) {
    const std::int64_t row_count = std::min(kPanelRows, n - panel * kPanelRows);
    for (std::int64_t i = 0; i < tiles; ++i) {
      Tile tile{};
      for (std::int64_t r = 0; r < row_count; ++r) {
        put_row(tile, r, load_block<Block>(weights, (panel * kPanelRows + r) * tiles + i));
      }
      std::memcpy(out, &tile, sizeof tile);
      out += sizeof tile;
    }
  }
}

#define HEARTH_INSTANTIATE(Tile)                                        \
  template std::int64_t packed_bytes<Tile>(std::int64_t, std::int64_t); \
  template void pack<Tile>(const std::byte*, std::int64_t, std::int64_t, std::int64_t, std::int64_t, std::byte*);
HEARTH_INSTANTIATE(TileQ8_0)
HEARTH_INSTANTIATE(TileQ4_0)
HEARTH_INSTANTIATE(TileInt8)
HEARTH_INSTANTIATE(TileInt4)
HEARTH_INSTANTIATE(TileQ4K)
HEARTH_INSTANTIATE(TileQ6K)
#undef HEARTH_INSTANTIATE

template <int kGroups>
void pack_codes(Format format, const std::byte* weights, std::int64_t n, std::int64_t k, std::int64_t panel_begin,
                std::int64_t panel_end, std::byte* out) {
  using Tile = TileCodes<kGroups>;
  CHECK(k % Tile::kColumns == 0);
  const std::int64_t row_bytes = format_bytes(format, k), tiles = k / Tile::kColumns;
  const CodeFinder code_of(code_values(format));
  IntegerRow row(k);
  std::vector<Tile> panel(static_cast<std::size_t>(tiles));
  for (std::int64_t p = panel_begin; p < panel_end; ++p) {
    std::fill(panel.begin(), panel.end(), Tile{});
    const std::int64_t row_count = std::min(kPanelRows, n - p * kPanelRows);
    for (std::int64_t r = 0; r < row_count; ++r) {
      row.decode(traits(format), weights + (p * kPanelRows + r) * row_bytes);
      for (std::size_t i = 0; i < panel.size(); ++i) {
        for (std::size_t g = 0; g < kGroups; ++g) panel[i].scale[g][r] = row.scale[2 * i + g];
        const std::int8_t* q = row.q.data() + i * Tile::kColumns;
        for (int c = 0; c < 16; ++c) {
          panel[i].q[c / 4][r][c % 4] = static_cast<std::uint8_t>(code_of(q[c]) | code_of(q[c + 16]) << 4);
        }
      }
    }
    std::memcpy(out, panel.data(), panel.size() * sizeof(Tile));
    out += panel.size() * sizeof(Tile);
  }
}
template void pack_codes<1>(Format, const std::byte*, std::int64_t, std::int64_t, std::int64_t, std::int64_t,
                            std::byte*);
template void pack_codes<2>(Format, const std::byte*, std::int64_t, std::int64_t, std::int64_t, std::int64_t,
                            std::byte*);
template std::int64_t packed_bytes<TileCodes<1>>(std::int64_t, std::int64_t);
template std::int64_t packed_bytes<TileCodes<2>>(std::int64_t, std::int64_t);

std::int64_t packed_bytes_bf16(std::int64_t n, std::int64_t k) {
  return format_bytes(Format::kBf16, n * k);
}

template <Format kFrom>
void pack_bf16(const std::byte* weights, std::int64_t n, std::int64_t k, std::int64_t panel_begin,
               std::int64_t panel_end, std::byte* out) {
  const std::int64_t begin = panel_begin * kPanelRows, end = std::min(n, panel_end * kPanelRows);
  traits(kFrom).decode_bf16(weights + begin * format_bytes(kFrom, k), reinterpret_cast<std::uint16_t*>(out),
                            (end - begin) * k);
}
template void pack_bf16<Format::kF16>(const std::byte*, std::int64_t, std::int64_t, std::int64_t, std::int64_t,
                                      std::byte*);
template void pack_bf16<Format::kFp8E4m3>(const std::byte*, std::int64_t, std::int64_t, std::int64_t, std::int64_t,
                                          std::byte*);

}  // namespace hearth
