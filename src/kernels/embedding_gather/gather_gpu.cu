// Rows of a table, decoded to float32: a block for each token and run of columns.
#include "kernels/embedding_gather/gather_gpu.h"

#include "device/gpu/gpu.h"
#include "kernels/matmul/gpu/float_codes_gpu.h"

namespace hearth::gpu {
namespace {

HEARTH_DEVICE std::int64_t row_of(const GatherParams& p) {
  const std::int32_t row = p.rows[block_y()];
  return p.row_count > 0 && row >= p.row_count ? 0 : row + p.offset;
}

// Bits [at, at + count) of an array of bytes, within one byte.
HEARTH_DEVICE std::uint32_t bits_at(const std::byte* bytes, int at, int count) {
  return static_cast<std::uint32_t>(bytes[at / 8]) >> (at % 8) & ((1u << count) - 1u);
}

HEARTH_DEVICE std::uint16_t half_at(const std::byte* bytes) {
  return *reinterpret_cast<const std::uint16_t*>(bytes);
}

// A group's scale and, above it, minus its minimum, if it has one.
template <class Layout>
HEARTH_DEVICE Bf16Pair packed_scale(const std::byte* tile, int row, int group) {
  const std::byte* scales = tile + Layout::kScalesAt + row * Layout::kRowScaleBytes;
  if constexpr (Layout::kNumbers.bits != 0) {
    constexpr ScaleNumbers kNumbers = Layout::kNumbers;
    const std::byte* factors = tile + Layout::kFactorsAt + row * Layout::kRowFactorBytes;
    const auto number = [&](int at) { return static_cast<int>(bits_at(scales, at * kNumbers.bits, kNumbers.bits)); };
    const int of_scale = kNumbers.step * number(Layout::kHasMin ? 2 * group : group) + kNumbers.base;
    const float scale = half_to_float(half_at(factors)) * static_cast<float>(of_scale) / kNumbers.divisor;
    if constexpr (!Layout::kHasMin) return float_to_bf16(scale);
    return pair_of_floats(scale, -half_to_float(half_at(factors + 2)) * static_cast<float>(number(2 * group + 1)));
  } else {
    const std::byte* scale = scales + group * (Layout::kHasMin ? 4 : 2);
    return half_at(scale) | static_cast<std::uint32_t>(Layout::kHasMin ? half_at(scale + 2) : 0) << 16;
  }
}

// One weight of a tile: its bf16 value, as matmul multiplies it.
template <class Layout>
HEARTH_DEVICE float packed_weight(const GatherParams& p, const std::byte* tile, int row, int column) {
  const CodePlace place = code_place<Layout>(column);
  const std::byte* codes = tile + row * Layout::kRowCodeBytes;
  if constexpr (Layout::kCodeBits == 16) {
    return bf16_to_float(half_at(codes + place.code_bit / 8));
  } else if constexpr (Layout::kFloats) {
    const auto* scales = reinterpret_cast<const float*>(tile + Layout::kScalesAt + row * Layout::kRowScaleBytes);
    const auto code = static_cast<std::uint32_t>(codes[place.code_bit / 8]);
    return bf16_to_float(static_cast<std::uint16_t>(pair_of_e4m3(code, scales[column / Layout::kGroup]) & 0xffffu));
  } else {
    Bf16Pair integer;
    if constexpr (Layout::kCodeBits == 8) {
      integer = pair_of_bytes(static_cast<std::uint32_t>(codes[place.code_bit / 8]) ^ Layout::kOffset);
    } else {
      std::uint32_t code = bits_at(codes, place.code_bit, Layout::kLowBits);
      if constexpr (Layout::kRowHighBytes > 0) {
        const std::byte* high = tile + Layout::kHighAt + row * Layout::kRowHighBytes;
        code |= bits_at(high, place.high_bit, Layout::kCodeBits - Layout::kLowBits) << Layout::kLowBits;
      }
      if constexpr (Layout::kTable) {
        const std::uint32_t word =
            code < 8 ? (code < 4 ? p.codes[0] : p.codes[1]) : (code < 12 ? p.codes[2] : p.codes[3]);
        integer = pair_of_bytes(word >> (8 * (code % 4)) & 0xffu);
      } else {
        integer = pair_of_codes(code, Layout::kOffset);
      }
    }
    const Bf16Pair scale = packed_scale<Layout>(tile, row, column / Layout::kGroup);
    const Bf16Pair value =
        Layout::kHasMin ? pair_fma(integer, scale & 0xffffu, scale >> 16) : pair_multiply(integer, scale & 0xffffu);
    return bf16_to_float(static_cast<std::uint16_t>(value & 0xffffu));
  }
}

HEARTH_DEVICE void store(const GatherParams& p, std::int64_t column, float value) {
  float& out = p.out[block_y() * p.width + column];
  out = p.add != 0 ? out + p.scale * value : p.scale * value;
}

template <class Layout>
HEARTH_DEVICE void gather_packed(const GatherParams& p) {
  const std::int64_t column = static_cast<std::int64_t>(block_x()) * kGatherThreads + thread_index();
  if (column >= p.width) return;
  const std::int64_t row = row_of(p);
  const std::int64_t tiles = (p.width + Layout::kTileK - 1) / Layout::kTileK;
  const std::byte* tile = p.table + (row / kTileRows * tiles + column / Layout::kTileK) * Layout::kTileBytes;
  store(p, column,
        packed_weight<Layout>(p, tile, static_cast<int>(row % kTileRows), static_cast<int>(column % Layout::kTileK)));
}

}  // namespace

HEARTH_KERNEL(gather_f32, kGatherThreads, GatherParams) {
  const std::int64_t column = static_cast<std::int64_t>(block_x()) * kGatherThreads + thread_index();
  if (column >= p.width) return;
  const std::int64_t row = row_of(p);
  store(p, column, reinterpret_cast<const float*>(p.table)[row * p.width + column]);
}

#define HEARTH_GATHER(layout, Layout)                            \
  HEARTH_KERNEL(gather_##layout, kGatherThreads, GatherParams) { \
    gather_packed<Layout>(p);                                    \
  }

HEARTH_GATHER(w2, LayoutW2)
HEARTH_GATHER(w2_min, LayoutW2Min)
HEARTH_GATHER(w3, LayoutW3)
HEARTH_GATHER(w3_table, LayoutW3Table)
HEARTH_GATHER(w4, LayoutW4)
HEARTH_GATHER(w4_min, LayoutW4Min)
HEARTH_GATHER(w4_table, LayoutW4Table)
HEARTH_GATHER(w4_tfine, LayoutW4TableFine)
HEARTH_GATHER(w6, LayoutW6)
HEARTH_GATHER(w6_min, LayoutW6Min)
HEARTH_GATHER(w8, LayoutW8)
HEARTH_GATHER(w8_float, LayoutW8Float)
HEARTH_GATHER(w16, LayoutW16)

}  // namespace hearth::gpu
