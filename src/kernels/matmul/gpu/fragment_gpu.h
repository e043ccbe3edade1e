// A tile of packed weights (gpu_layout.h) in a wave's registers, and its decoding into the matrix unit's fragments.
// Device code.
#pragma once

#include <type_traits>

#include "device/gpu/gpu.h"
#include "kernels/matmul/gpu/float_codes_gpu.h"
#include "kernels/matmul/gpu/gpu_layout.h"
#include "kernels/matmul/gpu/low_bits_gpu.h"

namespace hearth::gpu {

// Bytes `table[nibble]` for the four nibbles in the low half of `codes`, of a table whose codes c and c + 8 agree in
// their bytes' uppermost bit.
HEARTH_DEVICE std::uint32_t look_up_codes(const CodeTable& table, std::uint32_t codes) {
  const std::uint32_t index = codes & 0x7777u;
  const std::uint32_t lower = permute_bytes(table.word[0], table.word[1], index);
  const std::uint32_t upper = permute_bytes(table.word[2], table.word[3], index);
  const std::uint32_t mask = nibbles_below_eight(codes);
  return (lower & mask) | (upper & ~mask);
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
constexpr bool kHasLowBits = Layout::kLowBits == 2;
template <class Layout>
constexpr bool kDecodesSubnormals = kFastSubnormals&& Layout::kCodeBits != 16 && !Layout::kFloats;
inline constexpr std::uint32_t kScaleUp = 0x6200;  // 2^69 as bf16
template <class Layout>
constexpr float kSumFactor = kDecodesSubnormals<Layout> ? 0x1p64f : 1.0f;
// The offset as such a number, negative, twice.
template <class Layout>
constexpr std::uint32_t kMinusOffset = (0x8000u | static_cast<std::uint32_t>(Layout::kOffset)) * 0x10001u;

// As those of a bf16: of a scale, of minus the minimum, of the scale of codes four bits up, and minus the offset. In
// registers, not made again and again.
template <class Layout>
HEARTH_DEVICE CodeTable code_table(const std::uint32_t (&codes)[4]) {
  if constexpr (Layout::kCodeBits != 16 && Layout::kTable) {
    // Signed bytes become such as are kOffset, or for float32 128, too large: with 64, no byte carries into the next.
    constexpr std::uint32_t kSigns = 0x80808080u;
    constexpr std::uint32_t kDown = kDecodesFloats<Layout> ? 0 : (128 - Layout::kOffset) * 0x01010101u;
    return {{(codes[0] ^ kSigns) - kDown, (codes[1] ^ kSigns) - kDown, (codes[2] ^ kSigns) - kDown,
             (codes[3] ^ kSigns) - kDown}};
  } else if constexpr (kDecodesSubnormals<Layout>) {
    constexpr std::uint32_t kUp = kScaleUp, kDown = 0x1f80, kDownFour = 0x3d80;  // kDown 2^-64, kDownFour 2^-4
    const auto kept = [](std::uint32_t word) { return static_cast<std::uint32_t>(opaque(static_cast<int>(word))); };
    return {{kept(kUp | (Layout::kHasMin ? kDown : kUp) << 16), kept(kDownFour | kDownFour << 16),
             kept(kMinusOffset<Layout>), 0}};
  } else {
    return {{codes[0], codes[1], codes[2], codes[3]}};
  }
}

// Word `pair` of the lane's quad `j` in a matrix unit's fragment. Where a lane holds several quads, the first pairs of
// all stand before the second ones: the words are in the order of k, in which activations are read.
template <int kQuads>
HEARTH_DEVICE std::uint32_t& fragment_word(Bytes8 (&quads)[kQuads], int j, int pair) {
  const int at = j + kQuads * pair;
  return quads[at / 2].word[at % 2];
}

// With kSparesRegisters, what several steps could share is made anew for each.
template <class Layout, class From = FromMemory, bool kSparesRegisters = false>
struct TileFragment {
  static constexpr int kRows = Mma::kRowsPerLane, kQuads = Mma::kQuadsPerLane;
  static constexpr int kScaleWords = Layout::kRowScaleBytes / 4;
  static constexpr bool kHasNumbers = Layout::kNumbers.bits != 0;

  using Codes = std::conditional_t<kHasLowBits<Layout>, Bytes8, Bytes16>;
  using High = std::conditional_t<kHasLowBits<Layout>, std::uint32_t, Bytes8>;

  Codes codes[kRows][kQuads];
  High high[kRows][Layout::kRowHighBytes > 0 ? kQuads : 1];
  std::uint32_t scales[kRows][kScaleWords > 0 ? kScaleWords : 1];
  std::uint32_t factors[kRows];  // of numbers; without minimums, of two rows

  HEARTH_DEVICE void load(const std::byte* tile, int lane) {
    HEARTH_UNROLL
    for (int r = 0; r < kRows; ++r) {
      const int row = Mma::a_row(lane, r);
      HEARTH_UNROLL
      for (int j = 0; j < kQuads; ++j) {
        const int quad = Mma::quad(lane, j);
        codes[r][j] = From::load(reinterpret_cast<const Codes*>(tile + row * Layout::kRowCodeBytes) + quad);
        if constexpr (Layout::kRowHighBytes > 0) {
          high[r][j] =
              From::load(reinterpret_cast<const High*>(tile + Layout::kHighAt + row * Layout::kRowHighBytes) + quad);
        }
      }
      load_scales(tile + Layout::kScalesAt + row * Layout::kRowScaleBytes, r);
      if constexpr (kHasNumbers) {
        const std::byte* from = tile + Layout::kFactorsAt + row * Layout::kRowFactorBytes / 4 * 4;
        factors[r] = From::load(reinterpret_cast<const std::uint32_t*>(from));
      }
    }
  }

  static constexpr int kOwnGroups = (Layout::kGroups + 3) / 4;  // of a lane, below

  // What the steps of a group of columns share, each row's: the scale, the same for codes four bits up, and what is
  // added to the product; in both halves.
  struct PairScales {
    Bf16Pair scale[kRows], scale_up[kRows], addend[kRows];
    std::uint32_t own[kRows][kHasNumbers ? kOwnGroups : 1];  // find_own_scales
  };
  using GroupScales = std::conditional_t<kDecodesFloats<Layout>, FloatScales<kRows>, PairScales>;

  // k-step `step` of the tile, [16 rows, 16 columns]; `step` is a constant once loops are unrolled, and steps are
  // decoded in order, with the same `group`.
  HEARTH_DEVICE Mma::A decode(int step, const CodeTable& table, GroupScales& group) const {
    Mma::A a;
    if constexpr (kDecodesFloats<Layout>) {
      if (step * 16 % Layout::kGroup == 0) find_float_scales(step * 16 / Layout::kGroup, group);
      HEARTH_UNROLL
      for (int r = 0; r < kRows; ++r) decode_floats(r, step, table, group, a);
    } else {
      if constexpr (kDecodesSubnormals<Layout> && kHasNumbers) {
        if (step == 0) find_own_scales(group);
      }
      HEARTH_UNROLL
      for (int r = 0; r < kRows; ++r) {
        if constexpr (kDecodesSubnormals<Layout>) {
          // Codes of two or three bits change their place with every other step.
          if (step * 16 % Layout::kGroup == 0 || (kHasLowBits<Layout> && step % 2 == 0)) {
            find_scales(r, step, table, group);
          }
        }
        HEARTH_UNROLL
        for (int j = 0; j < kQuads; ++j) {
          HEARTH_UNROLL
          for (int pair = 0; pair < 2; ++pair) {
            fragment_word(a.quad[r], j, pair) = decode_pair(r, j, step, pair, table, group);
          }
        }
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
    } else if constexpr (Layout::kFloats) {
      return pair_of_e4m3(codes[r][j].word[step] >> (8 * pair), float_from_bits(scales[r][step * 16 / Layout::kGroup]));
    } else {
      return subnormal_pair(r, j, step, pair, table, group_scales);
    }
  }

  // What a row's numbers are multiplied with.
  HEARTH_DEVICE float factor_of(int r, bool of_minimum) const {
    const int half = Layout::kHasMin ? of_minimum : Mma::a_row(lane_index(), r) % 2;
    const auto word = static_cast<std::uint32_t>(kSparesRegisters ? opaque(static_cast<int>(factors[r]))
                                                                  : static_cast<int>(factors[r]));
    return half_to_float(static_cast<std::uint16_t>(word >> (16 * half)));
  }

  // A group's scale and, above it, its addend, as bf16.
  HEARTH_DEVICE std::uint32_t scale_and_addend(int r, int group) const {
    if constexpr (kHasNumbers) {
      const float scale =
          scale_of_number<Layout>(factor_of(r, false), scale_number<Layout>(scales[r], group, 0, false), 1);
      if constexpr (!Layout::kHasMin) return pair_of_sums(scale, 0);
      return pair_of_sums(scale,
                          minimum_of_number(factor_of(r, true), scale_number<Layout>(scales[r], group, 0, true), -1));
    } else {
      return scales[r][group];
    }
  }

  HEARTH_DEVICE void find_float_scales(int group, FloatScales<kRows>& to) const {
    bool differs = false;
    HEARTH_UNROLL
    for (int r = 0; r < kRows; ++r) {
      if constexpr (Layout::kHasMin) {
        to.of_row[r] = float_scale(scale_and_addend(r, group));
        differs = differs || to.of_row[r].differs_at_offset;
      } else {
        const std::uint32_t word = kHasNumbers ? scale_and_addend(r, group) : scales[r][group / 2];
        const float scale = __builtin_bit_cast(float, kHasNumbers || group % 2 == 0 ? word << 16 : word & 0xffff0000u);
        to.of_row[r] = {scale, -static_cast<float>(kFloatOffset<Layout>) * scale, 0, false};
      }
    }
    to.any_differs_at_offset = Layout::kHasMin && ballot(differs) != 0;
  }

  // Where both halves of a wave hold the same, each decodes one of a quad's two pairs, and gives it to the other.
  HEARTH_DEVICE void decode_floats(int r, int step, const CodeTable& table, const FloatScales<kRows>& group,
                                   Mma::A& a) const {
    constexpr int kPairs = Mma::kHalvesRepeat ? 1 : 2;
    const int half = lane_index() / 16;
    std::uint32_t bytes[kQuads][kPairs];
    HEARTH_UNROLL
    for (int j = 0; j < kQuads; ++j) {
      HEARTH_UNROLL
      for (int i = 0; i < kPairs; ++i) bytes[j][i] = code_bytes(r, j, step, Mma::kHalvesRepeat ? half : i, table);
    }
    // Of a pair's bytes; where the two are neighbours, all of an odd step's stand above those of the even one.
    const int first = Layout::kCodeBits <= 4 ? step % 2 * (kNeighbours ? 2 : 1) : 0;
    Bf16Pair pairs[kQuads][kPairs];
    if (group.any_differs_at_offset) {
      round_pairs<true>(bytes, first, group.of_row[r], pairs);
    } else {
      round_pairs<false>(bytes, first, group.of_row[r], pairs);
    }
    HEARTH_UNROLL
    for (int j = 0; j < kQuads; ++j) {
      const Bf16Pair other = Mma::kHalvesRepeat ? exchange_halves(pairs[j][0]) : pairs[j][kPairs - 1];
      const bool is_second = Mma::kHalvesRepeat && half != 0;
      fragment_word(a.quad[r], j, 0) = is_second ? other : pairs[j][0];
      fragment_word(a.quad[r], j, 1) = is_second ? pairs[j][0] : other;
    }
  }

  template <bool kDiffersAtOffset, int kPairs>
  HEARTH_DEVICE static void round_pairs(const std::uint32_t (&bytes)[kQuads][kPairs], int first,
                                        const FloatScale& scale, Bf16Pair (&pairs)[kQuads][kPairs]) {
    constexpr int kSecond = kNeighbours ? 8 : 16;
    HEARTH_UNROLL
    for (int j = 0; j < kQuads; ++j) {
      HEARTH_UNROLL
      for (int i = 0; i < kPairs; ++i) {
        const std::uint32_t word = bytes[j][i] >> (8 * first);
        pairs[j][i] = pair_of_sums(float_weight<Layout, kDiffersAtOffset>(word & 0xffu, scale),
                                   float_weight<Layout, kDiffersAtOffset>(word >> kSecond & 0xffu, scale));
      }
    }
  }

  static constexpr bool kNeighbours = Layout::kTable;

  // A word with the codes of pair `pair` in its bytes 0 and 2; where codes are of at most 4 bits, those of the even one
  // of two steps, and of the odd one in bytes 1 and 3 (or, if kNeighbours, in 0 and 1, and 2 and 3).
  HEARTH_DEVICE std::uint32_t code_bytes(int r, int j, int step, int pair, const CodeTable& table) const {
    if constexpr (Layout::kCodeBits == 8) {
      return codes[r][j].word[step] >> (8 * pair);
    } else if constexpr (Layout::kCodeBits == 6) {
      const std::uint32_t low = codes[r][j].word[step / 2] >> (4 * pair);
      const std::uint32_t two = high[r][j].word[step / 4] >> (2 * pair);
      const int at = step / 2 % 2 * 8 + step % 2 * 4;  // of the upper bits of pair 0
      return (low >> (step % 2 * 8) & both(0xf)) | ((at >= 4 ? two >> (at - 4) : two << 4) & both(0x30));
    } else if constexpr (kHasLowBits<Layout>) {
      const std::uint32_t three = Layout::kRowHighBytes > 0 ? high[r][j] : 0;
      // Not by an index that a lane computes: what is indexed so stands in memory.
      const std::uint32_t two = pair == 0 ? codes[r][j].word[0] : codes[r][j].word[1];
      const std::uint32_t bytes = unmerged(low_code_bytes<Layout>(two, three, step / 2, pair));
      return Layout::kTable ? select_bytes(table.word[0], table.word[1], bytes) : bytes;
    } else {
      const std::uint32_t nibbles = unmerged(codes[r][j].word[step / 2] >> (4 * pair) & 0x0f0f0f0fu);
      return Layout::kTable ? look_up_bytes(table, nibbles) : nibbles;
    }
  }

  HEARTH_DEVICE static constexpr std::uint32_t both(std::uint32_t half) { return half | half << 16; }

  HEARTH_DEVICE void find_scales(int r, int step, const CodeTable& factors_of_scales, GroupScales& to) const {
    const int group = step * 16 / Layout::kGroup;
    if constexpr (kHasLowBits<Layout>) {
      find_low_scales(r, step, group, to);
    } else {
      find_scales_of_group(r, group, factors_of_scales, to);
    }
  }

  // Scales make up for the place of a step's codes as well. The sums are exact, and so is what is done to exponents:
  // what rounds is the conversion to bf16.
  static constexpr float kUp = 0x1p69f, kDown = 0x1p-64f;

  // Of numbers: the four lanes that have a row share its groups out, each the one of its quad in every four. A word has
  // the scale and, above it, minus the minimum, or the scale again.
  HEARTH_DEVICE void find_own_scales(GroupScales& to) const {
    static_assert(Layout::kGroup == 16);  // a group is a step
    const int quad = Mma::quad(lane_index(), 0);
    HEARTH_UNROLL
    for (int r = 0; r < kRows; ++r) {
      HEARTH_UNROLL
      for (int i = 0; i < kOwnGroups; ++i) {
        const float power = quad < 2 ? power_of(4 * i) : power_of(4 * i + 2);
        const float scale =
            scale_of_number<Layout>(factor_of(r, false), scale_number<Layout>(scales[r], 4 * i, quad, false), power);
        float above = scale;
        if constexpr (Layout::kHasMin) {
          above = minimum_of_number(factor_of(r, true), scale_number<Layout>(scales[r], 4 * i, quad, true), -kDown);
        }
        to.own[r][i] = pair_of_floats(scale, above);
      }
    }
  }
  static constexpr float power_of(int step) { return kUp / static_cast<float>(1 << low_code_shift<Layout>(step)); }

  HEARTH_DEVICE void find_low_scales(int r, int step, int group, GroupScales& to) const {
    const int shift = low_code_shift<Layout>(step);
    if constexpr (kHasNumbers) {
      const std::uint32_t word = shuffle_in_four(to.own[r][step / 4], step % 4);
      to.scale[r] = Layout::kHasMin ? permute_bytes(word, word, 0x1010) : word;
      if constexpr (Layout::kHasMin) to.addend[r] = permute_bytes(word, word, 0x3232);
    } else {
      const std::uint32_t word = scales[r][group / 2];
      to.scale[r] = pair_multiply(permute_bytes(word, word, group % 2 == 0 ? 0x1010 : 0x3232),
                                  both(__builtin_bit_cast(std::uint32_t, power_of(step)) >> 16));
    }
    if constexpr (!Layout::kHasMin) {
      to.addend[r] = pair_multiply(to.scale[r], both(0x8000u | static_cast<std::uint32_t>(Layout::kOffset) << shift));
    }
  }

  HEARTH_DEVICE void find_scales_of_group(int r, int group, const CodeTable& factors_of_scales, GroupScales& to) const {
    if constexpr (Layout::kHasMin) {
      const Bf16Pair scaled = pair_multiply(scales[r][group], factors_of_scales.word[0]);
      to.scale[r] = permute_bytes(scaled, scaled, 0x1010);
      to.addend[r] = permute_bytes(scaled, scaled, 0x3232);
    } else {
      const std::uint32_t word = scales[r][group / 2];
      to.scale[r] = pair_multiply(permute_bytes(word, word, group % 2 == 0 ? 0x1010 : 0x3232),
                                  Layout::kTable ? both(kScaleUp) : factors_of_scales.word[0]);
      to.addend[r] = pair_multiply(to.scale[r], Layout::kTable ? kMinusOffset<Layout> : factors_of_scales.word[2]);
    }
    if constexpr (Layout::kCodeBits == 4 && !Layout::kTable)
      to.scale_up[r] = pair_multiply(to.scale[r], factors_of_scales.word[1]);
  }

  HEARTH_DEVICE Bf16Pair subnormal_pair(int r, int j, int step, int pair, const CodeTable& table,
                                        const GroupScales& group) const {
    if constexpr (kHasLowBits<Layout>) {
      const std::uint32_t three = Layout::kRowHighBytes > 0 ? high[r][j] : 0;
      const std::uint32_t code = low_code_pair<Layout>(codes[r][j].word[pair], three, step, pair, table.word);
      return pair_fma(code, group.scale[r], group.addend[r]);
    } else if constexpr (Layout::kTable) {
      // Half a word has a step's four codes.
      const std::uint32_t bytes = look_up_codes(table, codes[r][j].word[step / 2] >> (16 * (step % 2)));
      return pair_fma(bytes >> (8 * pair) & both(0xff), group.scale[r], group.addend[r]);
    } else {
      return nibble_or_byte_pair(r, j, step, pair, group);
    }
  }

  HEARTH_DEVICE Bf16Pair nibble_or_byte_pair(int r, int j, int step, int pair, const GroupScales& group) const {
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
        fragment_word(b.quad, j, pair) = *reinterpret_cast<const std::uint32_t*>(row + at);
      } else {
        const std::uint32_t low = at < left ? row[at] : 0u, high = at + 1 < left ? row[at + 1] : 0u;
        fragment_word(b.quad, j, pair) = low | high << 16;
      }
    }
  }
  return b;
}

HEARTH_DEVICE Mma::B zero_activations() {
  return Mma::B{};
}

}  // namespace hearth::gpu
