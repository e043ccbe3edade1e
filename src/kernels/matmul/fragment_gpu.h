// A tile of packed weights (gpu_layout.h) in a wave's registers, and its decoding into the matrix unit's fragments.
// Device code.
#pragma once

#include "device/gpu/gpu.h"
#include "kernels/matmul/gpu_layout.h"

namespace hearth::gpu {

// The sixteen bytes that a table layout's codes index.
struct CodeTable {
  std::uint32_t word[4];
};

// Bytes `table[nibble]` for the four nibbles in the low half of `codes`.
HEARTH_DEVICE std::uint32_t look_up_codes(const CodeTable& table, std::uint32_t codes) {
  const std::uint32_t index = codes & 0x7777u;
  const std::uint32_t lower = permute_bytes(table.word[0], table.word[1], index);
  const std::uint32_t upper = permute_bytes(table.word[2], table.word[3], index);
  const std::uint32_t mask = permute_bytes(0x0000ff00u, 0, codes >> 3 & 0x1111u);
  return (lower & ~mask) | (upper & mask);
}

// How a fragment reads a tile that stands in the device's memory, or in shared memory.
struct FromMemory {
  template <class T>
  HEARTH_DEVICE static T load(const T* from) {
    return load_streaming(from);
  }
};
struct FromShared {
  template <class T>
  HEARTH_DEVICE static T load(const T* from) {
    return *from;
  }
};

template <class Layout, class From = FromMemory>
struct TileFragment {
  static constexpr int kRows = Mma::kRowsPerLane, kQuads = Mma::kQuadsPerLane;
  static constexpr int kScaleWords = Layout::kRowScaleBytes / 4;

  Bytes16 codes[kRows][kQuads];
  Bytes8 high[kRows][Layout::kCodeBits == 6 ? kQuads : 1];
  std::uint32_t scales[kRows][kScaleWords > 0 ? kScaleWords : 1];

  HEARTH_DEVICE void load(const std::byte* tile, int lane) {
    HEARTH_UNROLL
    for (int r = 0; r < kRows; ++r) {
      const int row = Mma::a_row(lane, r);
      HEARTH_UNROLL
      for (int j = 0; j < kQuads; ++j) {
        const int quad = Mma::quad(lane, j);
        codes[r][j] = From::load(reinterpret_cast<const Bytes16*>(tile + row * Layout::kRowCodeBytes + quad * 16));
        if constexpr (Layout::kCodeBits == 6) {
          high[r][j] = From::load(
              reinterpret_cast<const Bytes8*>(tile + Layout::kHighAt + row * Layout::kRowHighBytes + quad * 8));
        }
      }
      load_scales(tile + Layout::kScalesAt + row * Layout::kRowScaleBytes, r);
    }
  }

  // k-step `step` of the tile, [16 rows, 16 columns]; `step` is a constant once loops are unrolled.
  HEARTH_DEVICE Mma::A decode(int step, const CodeTable& table) const {
    Mma::A a;
    HEARTH_UNROLL
    for (int r = 0; r < kRows; ++r) {
      HEARTH_UNROLL
      for (int j = 0; j < kQuads; ++j) {
        HEARTH_UNROLL
        for (int pair = 0; pair < 2; ++pair) a.quad[r][j].word[pair] = decode_pair(r, j, step, pair, table);
      }
    }
    return a;
  }

 private:
  HEARTH_DEVICE void load_scales(const std::byte* from, int r) {
    if constexpr (kScaleWords % 4 == 0) {
      HEARTH_UNROLL
      for (int i = 0; i < kScaleWords / 4; ++i) {
        const Bytes16 words = From::load(reinterpret_cast<const Bytes16*>(from) + i);
        HEARTH_UNROLL
        for (int w = 0; w < 4; ++w) scales[r][4 * i + w] = words.word[w];
      }
    } else if constexpr (kScaleWords == 2) {
      const Bytes8 words = From::load(reinterpret_cast<const Bytes8*>(from));
      scales[r][0] = words.word[0];
      scales[r][1] = words.word[1];
    } else if constexpr (kScaleWords == 1) {
      scales[r][0] = From::load(reinterpret_cast<const std::uint32_t*>(from));
    }
  }

  HEARTH_DEVICE Bf16Pair decode_pair(int r, int j, int step, int pair, const CodeTable& table) const {
    if constexpr (Layout::kCodeBits == 16) {
      return codes[r][j].word[2 * step + pair];
    } else {
      const Bf16Pair integers = integer_pair(r, j, step, pair, table);
      const int group = step * 16 / Layout::kGroup;
      if constexpr (Layout::kHasMin) {
        const std::uint32_t word = scales[r][group];
        return pair_fma(integers, permute_bytes(word, word, 0x1010), permute_bytes(word, word, 0x3232));
      } else {
        const std::uint32_t word = scales[r][group / 2];
        return pair_multiply(integers, permute_bytes(word, word, group % 2 == 0 ? 0x1010 : 0x3232));
      }
    }
  }

  // Two neighbouring weights' integers, as bf16.
  HEARTH_DEVICE Bf16Pair integer_pair(int r, int j, int step, int pair, const CodeTable& table) const {
    if constexpr (Layout::kCodeBits == 8) {
      return pair_of_bytes(codes[r][j].word[step] >> (8 * pair));
    } else {
      const std::uint32_t word = codes[r][j].word[step / 2];
      const int reg = step % 2 * 2 + pair;
      if constexpr (Layout::kTable) {
        const std::uint32_t low = look_up_codes(table, word), high_half = look_up_codes(table, word >> 16);
        const auto selector = static_cast<std::uint32_t>(reg | (4 + reg) << 8);
        return pair_of_bytes(permute_bytes(low, high_half, selector | selector << 4));
      } else {
        std::uint32_t code = word >> (4 * reg) & 0x000f000fu;
        if constexpr (Layout::kCodeBits == 6) {
          const std::uint32_t bits = high[r][j].word[step / 4];
          const int at = step / 2 % 2 * 8 + 2 * reg;
          code |= (at >= 4 ? bits >> (at - 4) : bits << (4 - at)) & 0x00300030u;
        }
        return pair_of_codes(code, Layout::kOffset);
      }
    }
  }
};

// Activations of one k-step for the columns of a matrix-unit tile: `row` points to 16 bf16 of the lane's token. With
// `aligned`, to a multiple of 4 bytes; else element by element, zeros from `left` on.
HEARTH_DEVICE Mma::B load_activations(const std::uint16_t* row, int lane, bool aligned, int left) {
  Mma::B b;
  HEARTH_UNROLL
  for (int j = 0; j < Mma::kQuadsPerLane; ++j) {
    HEARTH_UNROLL
    for (int pair = 0; pair < 2; ++pair) {
      const int at = 2 * Mma::quad(lane, j) + 8 * pair;
      if (aligned) {
        b.quad[j].word[pair] = *reinterpret_cast<const std::uint32_t*>(row + at);
      } else {
        const std::uint32_t low = at < left ? row[at] : 0u, high = at + 1 < left ? row[at + 1] : 0u;
        b.quad[j].word[pair] = low | high << 16;
      }
    }
  }
  return b;
}

HEARTH_DEVICE Mma::B zero_activations() {
  return Mma::B{};
}

}  // namespace hearth::gpu
