#include "kernels/matmul/matmul_packed.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "device/cpu/cpu_device.h"
#include "formats/q4_0.h"
#include "formats/q8_0.h"

namespace hearth {
namespace {

constexpr std::int64_t kBlock = 32;

std::int64_t panel_count(std::int64_t n) {
  return (n + kPanelRows - 1) / kPanelRows;
}

void put_row(TileQ8_0& tile, std::int64_t r, const Q8_0Block& block) {
  std::memcpy(&tile.scale[r], &block.d, sizeof block.d);
  for (int j = 0; j < 8; ++j) std::memcpy(tile.q[j][r], block.qs + 4 * j, 4);
}

void put_row(TileQ4_0& tile, std::int64_t r, const Q4_0Block& block) {
  std::memcpy(&tile.scale[r], &block.d, sizeof block.d);
  for (int j = 0; j < 4; ++j) std::memcpy(tile.q[j][r], block.qs + 4 * j, 4);
}

template <class Tile, class Block>
void pack(Stream& stream, const std::byte* weights, std::int64_t n, std::int64_t k, std::byte* packed) {
  CHECK(k % kBlock == 0);
  const std::int64_t tiles = k / kBlock;
  const std::int64_t row_bytes = tiles * static_cast<std::int64_t>(sizeof(Block));
  cpu_pool(stream).run_ranges(panel_count(n), 8, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t panel = begin; panel < end; ++panel) {
      std::byte* out = packed + panel * tiles * static_cast<std::int64_t>(sizeof(Tile));
      const std::int64_t row_count = std::min(kPanelRows, n - panel * kPanelRows);
      for (std::int64_t t = 0; t < tiles; ++t) {
        Tile tile{};
        for (std::int64_t r = 0; r < row_count; ++r) {
          Block block;
          std::memcpy(&block, weights + (panel * kPanelRows + r) * row_bytes + t * std::int64_t{sizeof(Block)},
                      sizeof block);
          put_row(tile, r, block);
        }
        std::memcpy(out + t * static_cast<std::int64_t>(sizeof(Tile)), &tile, sizeof tile);
      }
    }
  });
}

}  // namespace

std::int64_t packed_bytes_q8_0(std::int64_t n, std::int64_t k) {
  return panel_count(n) * (k / kBlock) * static_cast<std::int64_t>(sizeof(TileQ8_0));
}

std::int64_t packed_bytes_q4_0(std::int64_t n, std::int64_t k) {
  return panel_count(n) * (k / kBlock) * static_cast<std::int64_t>(sizeof(TileQ4_0));
}

void pack_q8_0(Stream& stream, const std::byte* weights, std::int64_t n, std::int64_t k, std::byte* packed) {
  pack<TileQ8_0, Q8_0Block>(stream, weights, n, k, packed);
}

void pack_q4_0(Stream& stream, const std::byte* weights, std::int64_t n, std::int64_t k, std::byte* packed) {
  pack<TileQ4_0, Q4_0Block>(stream, weights, n, k, packed);
}

std::int64_t packed_bytes_bf16(std::int64_t n, std::int64_t k) {
  return format_bytes(Format::kBf16, n * k);
}

void pack_bf16_from_f16(Stream& stream, const std::byte* weights, std::int64_t n, std::int64_t k, std::byte* packed) {
  const FormatTraits& f16 = traits(Format::kF16);
  cpu_pool(stream).run_ranges(n, 64, [&](std::int64_t begin, std::int64_t end) {
    f16.decode_bf16(weights + begin * format_bytes(Format::kF16, k),
                    reinterpret_cast<std::uint16_t*>(packed) + begin * k, (end - begin) * k);
  });
}

}  // namespace hearth
