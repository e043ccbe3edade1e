// A tile of packed weights (gpu_layout.h) in a wave's registers, and its decoding into the matrix unit's fragments.
// Device code.
#pragma once

#include "device/gpu/gpu.h"
#include "kernels/matmul/gpu_layout.h"

namespace hearth::gpu {

// What decoding needs all the time: the sixteen bytes that a table layout's codes index, or factors for the scales.
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

// Where subnormal numbers are as fast as others, a code is a number already: the bits of an integer below 256, as those
// of a bf16, are the integer times 2^-133 (the exponents 0 and 1 have the same step). The scale is to make up for it,
// 2^133 of it, and would leave bf16's range: 2^69 stay in it, for scales from 2^-60 to 2^58. So what is decoded is the
// weight times 2^-64, to the bit, and kSumFactor is what a segment's sum is to be multiplied by.
template <class Layout>
constexpr bool kDecodesSubnormals = kFastSubnormals&& Layout::kCodeBits != 16 && !Layout::kTable;
template <class Layout>
constexpr float kSumFactor = kDecodesSubnormals<Layout> ? 0x1p64f : 1.0f;
// The offset as such a number, negative, twice.
template <class Layout>
constexpr std::uint32_t kMinusOffset = (0x8000u | static_cast<std::uint32_t>(Layout::kOffset)) * 0x10001u;

// As those of a bf16: of a scale, of minus the minimum, of the scale of codes four bits up, and minus the offset. In
// registers, not made again and again.
template <class Layout>
HEARTH_DEVICE CodeTable code_table(const std::uint32_t (&codes)[4]) {
  if constexpr (kDecodesSubnormals<Layout>) {
    constexpr std::uint32_t kUp = 0x6200, kDown = 0x1f80, kDownFour = 0x3d80;  // 2^69, 2^-64, 2^-4
    const auto kept = [](std::uint32_t word) { return static_cast<std::uint32_t>(opaque(static_cast<int>(word))); };
    return {{kept(kUp | (Layout::kHasMin ? kDown : kUp) << 16), kept(kDownFour | kDownFour << 16),
             kept(kMinusOffset<Layout>), 0}};
  } else {
    return {{codes[0], codes[1], codes[2], codes[3]}};
  }
}

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

  // What the steps of a group of columns share, each row's: the scale, the same for codes four bits up, and what is
  // added to the product; in both halves.
  struct GroupScales {
    Bf16Pair scale[kRows], scale_up[kRows], addend[kRows];
  };

  // k-step `step` of the tile, [16 rows, 16 columns]; `step` is a constant once loops are unrolled, and steps are
  // decoded in order, with the same `group`.
  HEARTH_DEVICE Mma::A decode(int step, const CodeTable& table, GroupScales& group) const {
    Mma::A a;
    HEARTH_UNROLL
    for (int r = 0; r < kRows; ++r) {
      if constexpr (kDecodesSubnormals<Layout>) {
        if (step * 16 % Layout::kGroup == 0) find_scales(r, step * 16 / Layout::kGroup, table, group);
      }
      HEARTH_UNROLL
      for (int j = 0; j < kQuads; ++j) {
        HEARTH_UNROLL
        for (int pair = 0; pair < 2; ++pair) a.quad[r][j].word[pair] = decode_pair(r, j, step, pair, table, group);
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

  HEARTH_DEVICE Bf16Pair decode_pair(int r, int j, int step, int pair, const CodeTable& table,
                                     const GroupScales& group_scales) const {
    if constexpr (Layout::kCodeBits == 16) {
      return codes[r][j].word[2 * step + pair];
    } else if constexpr (kDecodesSubnormals<Layout>) {
      return subnormal_pair(r, j, step, pair, group_scales);
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

  HEARTH_DEVICE static constexpr std::uint32_t both(std::uint32_t half) { return half | half << 16; }

  HEARTH_DEVICE void find_scales(int r, int group, const CodeTable& factors, GroupScales& to) const {
    if constexpr (Layout::kHasMin) {
      const Bf16Pair scaled = pair_multiply(scales[r][group], factors.word[0]);
      to.scale[r] = permute_bytes(scaled, scaled, 0x1010);
      to.addend[r] = permute_bytes(scaled, scaled, 0x3232);
    } else {
      const std::uint32_t word = scales[r][group / 2];
      to.scale[r] = pair_multiply(permute_bytes(word, word, group % 2 == 0 ? 0x1010 : 0x3232), factors.word[0]);
      to.addend[r] = pair_multiply(to.scale[r], factors.word[2]);
    }
    if constexpr (Layout::kCodeBits == 4) to.scale_up[r] = pair_multiply(to.scale[r], factors.word[1]);
  }

  HEARTH_DEVICE Bf16Pair subnormal_pair(int r, int j, int step, int pair, const GroupScales& group) const {
    // The second nibble of each byte stands four bits up, which its scale makes up for; that saves shifts.
    const bool up = Layout::kCodeBits == 4 && pair == 1;
    std::uint32_t code;
    if constexpr (Layout::kCodeBits == 8) {
      code = codes[r][j].word[step] >> (8 * pair) & both(0xff);
    } else if constexpr (Layout::kCodeBits == 4) {
      code = codes[r][j].word[step / 2] >> (step % 2 * 8) & both(up ? 0xf0 : 0xf);
    } else {
      code = code_of_six_bits(r, j, step, pair);
    }
    // An offset is taken off first where there is a minimum: the two together would be rounded.
    if constexpr (Layout::kHasMin && Layout::kOffset != 0) {
      constexpr std::uint32_t kOne = 0x3f80, kOffset = Layout::kOffset;
      code = pair_fma(code, both(kOne), up ? both(0x8000u | kOffset << 4) : kMinusOffset<Layout>);
    }
    return pair_fma(code, up ? group.scale_up[r] : group.scale[r], group.addend[r]);
  }

  // The four lower bits stand together with other weights', the two upper ones in `high`.
  HEARTH_DEVICE std::uint32_t code_of_six_bits(int r, int j, int step, int pair) const {
    const int reg = step % 2 * 2 + pair, at = step / 2 % 2 * 8 + 2 * reg;
    const std::uint32_t bits = high[r][j].word[step / 4];
    return (codes[r][j].word[step / 2] >> (4 * reg) & both(0xf)) |
           ((at >= 4 ? bits >> (at - 4) : bits << (4 - at)) & both(0x30));
  }

  // Two neighbouring weights' integers, as bf16.
  HEARTH_DEVICE Bf16Pair integer_pair(int r, int j, int step, int pair, const CodeTable& table) const {
    if constexpr (Layout::kCodeBits == 8) {
      return pair_of_bytes((codes[r][j].word[step] ^ 0x80808080u) >> (8 * pair));
    } else {
      const std::uint32_t word = codes[r][j].word[step / 2];
      const int reg = step % 2 * 2 + pair;
      if constexpr (Layout::kTable) {
        const std::uint32_t low = look_up_codes(table, word), high_half = look_up_codes(table, word >> 16);
        const auto selector = static_cast<std::uint32_t>(reg | (4 + reg) << 8);
        return pair_of_bytes(permute_bytes(low, high_half, selector | selector << 4));
      } else {
        const std::uint32_t code =
            Layout::kCodeBits == 6 ? code_of_six_bits(r, j, step, pair) : word >> (4 * reg) & both(0xf);
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
