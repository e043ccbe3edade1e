#include "kernels/matmul/gpu/pack_gpu.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/check.h"
#include "formats/float16.h"
#include "kernels/matmul/gpu/gpu_layout.h"
#include "kernels/matmul/gpu/group_numbers.h"
#include "kernels/matmul/integer_row.h"

namespace hearth {
namespace {

template <class Visit>
auto with_layout(GpuLayoutKind kind, Visit visit) {
  switch (kind) {
    case GpuLayoutKind::kW2:
      return visit(LayoutW2{});
    case GpuLayoutKind::kW2Min:
      return visit(LayoutW2Min{});
    case GpuLayoutKind::kW3:
      return visit(LayoutW3{});
    case GpuLayoutKind::kW3Table:
      return visit(LayoutW3Table{});
    case GpuLayoutKind::kW4:
      return visit(LayoutW4{});
    case GpuLayoutKind::kW4Min:
      return visit(LayoutW4Min{});
    case GpuLayoutKind::kW4Table:
      return visit(LayoutW4Table{});
    case GpuLayoutKind::kW4TableFine:
      return visit(LayoutW4TableFine{});
    case GpuLayoutKind::kW6:
      return visit(LayoutW6{});
    case GpuLayoutKind::kW6Min:
      return visit(LayoutW6Min{});
    case GpuLayoutKind::kW8:
      return visit(LayoutW8{});
    case GpuLayoutKind::kW8Float:
      return visit(LayoutW8Float{});
    default:
      CHECK(kind == GpuLayoutKind::kW16);
      return visit(LayoutW16{});
  }
}

// A signed integer of the format to the code that stands for it.
class Coder {
 public:
  Coder(Format format, int offset, bool table) : offset_(offset), table_(table), finder_(gpu_code_values(format)) {}
  unsigned operator()(std::int8_t q) const { return table_ ? finder_(q) : static_cast<std::uint8_t>(q + offset_); }

 private:
  int offset_;
  bool table_;
  CodeFinder finder_;
};

void or_bits(std::byte* bytes, int bit, unsigned value) {
  bytes[bit / 8] |= static_cast<std::byte>(value << (bit % 8));
}

// Row `row` of a tile, from column `first` of an integer row on.
template <class Layout>
void put_integers(std::byte* tile, int row, const IntegerRow& from, std::int64_t first, const Coder& coder) {
  const auto count = static_cast<int>(std::min<std::int64_t>(Layout::kTileK, std::ssize(from.q) - first));
  std::byte* codes = tile + row * Layout::kRowCodeBytes;
  std::byte* high = tile + Layout::kHighAt + row * Layout::kRowHighBytes;
  for (int c = 0; c < count; ++c) {
    const unsigned code = coder(from.q[static_cast<std::size_t>(first + c)]);
    const CodePlace place = code_place<Layout>(c);
    if constexpr (Layout::kCodeBits == 8) {
      codes[place.code_bit / 8] = static_cast<std::byte>(code);
    } else {
      or_bits(codes, place.code_bit, code & ((1u << Layout::kLowBits) - 1));
      if constexpr (Layout::kRowHighBytes > 0) or_bits(high, place.high_bit, code >> Layout::kLowBits);
    }
  }
  if constexpr (Layout::kNumbers.bits != 0) return;  // put_numbers
  std::byte* scales = tile + Layout::kScalesAt + row * Layout::kRowScaleBytes;
  for (int g = 0; g < Layout::kGroups && g * Layout::kGroup < count; ++g) {
    const auto group = static_cast<std::size_t>((first + g * Layout::kGroup) / kInt8GroupElements);
    const std::uint16_t scale = f32_to_bf16(from.scale[group]);
    const std::uint16_t minus_min = f32_to_bf16(-from.min[group]);
    std::byte* to = scales + g * (Layout::kHasMin ? 4 : 2);
    std::memcpy(to, &scale, 2);
    if constexpr (Layout::kHasMin) std::memcpy(to + 2, &minus_min, 2);
  }
}

// The scales of row `row` of a tile from column `first` on, as the blocks of the row have them.
template <class Layout>
void put_numbers(std::byte* tile, int row, Format format, const std::byte* blocks, std::int64_t first) {
  const int block_elements = traits(format).block_elements;
  const std::byte* block = blocks + format_bytes(format, first / block_elements * block_elements);
  const GroupNumbers numbers = group_numbers(format, block);
  std::byte* scales = tile + Layout::kScalesAt + row * Layout::kRowScaleBytes;
  for (int g = 0; g < Layout::kGroups; ++g) {
    const auto group = static_cast<std::size_t>(first % block_elements / Layout::kGroup + g);
    if constexpr (Layout::kRowScaleBytes == Layout::kGroups) {
      scales[g] = static_cast<std::byte>(numbers.number[group]);
    } else {
      or_bits(scales, 4 * g, numbers.number[group]);
    }
  }
  std::memcpy(tile + Layout::kFactorsAt + row * Layout::kRowFactorBytes, numbers.factor, Layout::kRowFactorBytes);
}

// Row `row` of a tile from column `first` on, of a row of `k` columns in blocks of a group each.
template <class Layout>
void put_floats(std::byte* tile, int row, Format format, const std::byte* blocks, std::int64_t first, std::int64_t k) {
  for (int g = 0; g < Layout::kGroups && first + g * Layout::kGroup < k; ++g) {
    const FloatGroup group = float_group(format, blocks + format_bytes(format, first + g * Layout::kGroup));
    std::memcpy(tile + Layout::kScalesAt + row * Layout::kRowScaleBytes + 4 * g, &group.scale, 4);
    for (int i = 0; i < Layout::kGroup; ++i) {
      const int at = code_place<Layout>(g * Layout::kGroup + i).code_bit / 8;
      tile[row * Layout::kRowCodeBytes + at] = static_cast<std::byte>(group.codes[i]);
    }
  }
}

void put_bf16(std::byte* tile, int row, const std::vector<std::uint16_t>& from, std::int64_t first) {
  const auto count = static_cast<int>(std::min<std::int64_t>(LayoutW16::kTileK, std::ssize(from) - first));
  std::byte* codes = tile + row * LayoutW16::kRowCodeBytes;
  for (int c = 0; c < count; ++c) {
    std::memcpy(codes + code_place<LayoutW16>(c).code_bit / 8, &from[static_cast<std::size_t>(first + c)], 2);
  }
}

std::int64_t tiles_of_row(int tile_k, std::int64_t k) {
  return (k + tile_k - 1) / tile_k;
}

template <class Layout>
void pack_tiles(Format format, const std::byte* weights, std::int64_t n, std::int64_t k, std::int64_t tile_begin,
                std::int64_t tile_end, std::byte* out) {
  const FormatTraits& t = traits(format);
  const std::int64_t row_bytes = format_bytes(format, k), tiles = tiles_of_row(Layout::kTileK, k);
  const Coder coder(format, Layout::kOffset, Layout::kTable);
  std::memset(out, 0, static_cast<std::size_t>((tile_end - tile_begin) * tiles * Layout::kTileBytes));
  constexpr bool kIntegers = Layout::kCodeBits != 16 && !Layout::kFloats;
  IntegerRow integers(kIntegers ? k : 0);
  std::vector<std::uint16_t> halves(Layout::kCodeBits == 16 ? static_cast<std::size_t>(k) : 0);
  for (std::int64_t row = tile_begin * kTileRows; row < std::min(n, tile_end * kTileRows); ++row) {
    const std::byte* from = weights + row * row_bytes;
    std::byte* to = out + (row / kTileRows - tile_begin) * tiles * Layout::kTileBytes;
    if constexpr (kIntegers) {
      integers.decode(t, from);
    } else if constexpr (Layout::kCodeBits == 16) {
      t.decode_bf16(from, halves.data(), k);
    }
    for (std::int64_t i = 0; i < tiles; ++i) {
      const auto r = static_cast<int>(row % kTileRows);
      if constexpr (kIntegers) {
        put_integers<Layout>(to + i * Layout::kTileBytes, r, integers, i * Layout::kTileK, coder);
        if constexpr (Layout::kNumbers.bits != 0) {
          static_assert(kNumbersBlock % Layout::kTileK == 0);
          put_numbers<Layout>(to + i * Layout::kTileBytes, r, format, from, i * Layout::kTileK);
        }
      } else if constexpr (Layout::kFloats) {
        put_floats<Layout>(to + i * Layout::kTileBytes, r, format, from, i * Layout::kTileK, k);
      } else {
        put_bf16(to + i * Layout::kTileBytes, r, halves, i * Layout::kTileK);
      }
    }
  }
}

}  // namespace

GpuLayoutKind gpu_layout_of(Format format) {
  switch (format) {
    case Format::kTq1_0:
    case Format::kTq2_0:
    case Format::kQ1_0:
    case Format::kQ2_0:
      return GpuLayoutKind::kW2;
    case Format::kQ2K:
      return GpuLayoutKind::kW2Min;
    case Format::kQ3K:
      return GpuLayoutKind::kW3;
    case Format::kIq1S:
    case Format::kIq1M:
    case Format::kIq2Xxs:
    case Format::kIq2Xs:
    case Format::kIq2S:
      return GpuLayoutKind::kW3Table;
    case Format::kQ4_0:
      return GpuLayoutKind::kW4;
    case Format::kQ4_1:
    case Format::kQ4K:
    case Format::kInt4:
      return GpuLayoutKind::kW4Min;
    case Format::kIq4Nl:
    case Format::kIq4Xs:
    case Format::kMxfp4:
    case Format::kIq3Xxs:
    case Format::kIq3S:
      return GpuLayoutKind::kW4Table;
    case Format::kNvfp4:
      return GpuLayoutKind::kW4TableFine;
    case Format::kQ6K:
      return GpuLayoutKind::kW6;
    case Format::kQ5_0:
    case Format::kQ5_1:
    case Format::kQ5K:
      return GpuLayoutKind::kW6Min;
    case Format::kQ8_0:
    case Format::kMxfp6E2m3:
    case Format::kInt8:
      return GpuLayoutKind::kW8;
    case Format::kMxfp6E3m2:
    case Format::kFp8E4m3:
      return GpuLayoutKind::kW8Float;
    case Format::kF32:
    case Format::kF16:
    case Format::kBf16:
      return GpuLayoutKind::kW16;
  }
  CHECK(false);
}

CodeValues gpu_code_values(Format format) {
  CodeValues values = code_values(format);
  // One half of sixteen has the negative ones.
  if (gpu_layout_of(format) != GpuLayoutKind::kW3Table) std::swap_ranges(&values[4], &values[8], &values[8]);
  return values;
}

std::int64_t gpu_packed_bytes(GpuLayoutKind kind, std::int64_t n, std::int64_t k) {
  if (kind == GpuLayoutKind::kF32) return n * k * std::int64_t{sizeof(float)};
  return with_layout(kind, [&](auto layout) {
    using Layout = decltype(layout);
    return (n + kTileRows - 1) / kTileRows * tiles_of_row(Layout::kTileK, k) * Layout::kTileBytes;
  });
}

void gpu_pack(Format format, GpuLayoutKind kind, const std::byte* weights, std::int64_t n, std::int64_t k,
              std::int64_t tile_begin, std::int64_t tile_end, std::byte* out) {
  if (kind == GpuLayoutKind::kF32) {
    const std::int64_t begin = tile_begin * kTileRows, end = std::min(n, tile_end * kTileRows);
    traits(format).decode_f32(weights + begin * format_bytes(format, k), reinterpret_cast<float*>(out),
                              (end - begin) * k);
    return;
  }
  with_layout(kind,
              [&](auto layout) { pack_tiles<decltype(layout)>(format, weights, n, k, tile_begin, tile_end, out); });
}

}  // namespace hearth
