// Matmul with int8 activations for q8_0, q4_0, int8 and int4 in panels of eight rows.
//
// Order: for each row, blocks of 32 columns ascending; a block adds float(exact integer sum) * (weight scale *
// activation scale), one multiply_add.
#include "kernels/matmul/cpu/matmul_panel.h"

namespace hearth::HEARTH_ISA {
namespace {

constexpr int kTokenTile = 4;

#if defined(__AVX2__)

// step(j) for j in [0, kCount). With the sums of several tokens in registers there are none left for more steps at
// once.
template <int kCount, int kTokens, class Step>
HEARTH_INLINE void for_columns(Step step) {
  if constexpr (kTokens > 2) {
#pragma GCC unroll 1
    for (int j = 0; j < kCount; ++j) step(j);
  } else {
    for (int j = 0; j < kCount; ++j) step(j);
  }
}

// sums[t][r] = sum over the block of w[r][k] * x[t][k], exactly, for tiles of bytes.
template <int kTokens, class Tile>
HEARTH_INLINE void byte_sums(const Tile& tile, const PanelInputs& x, I32x8* sums) {
  __m256i acc[kTokens];
  for (int t = 0; t < kTokens; ++t) acc[t] = _mm256_setzero_si256();
  for_columns<8, kTokens>([&](int j) __attribute__((always_inline)) {
    const __m256i w = load_bytes(tile.q[j]);
    const __m256i magnitude = _mm256_abs_epi8(w);
    for (int t = 0; t < kTokens; ++t) {
      // |w| <= 128 and |x| <= 127: a pair of products fits 16 bits, two pairs may not.
      const __m256i pairs = _mm256_maddubs_epi16(magnitude, _mm256_sign_epi8(broadcast4(x.q(t) + 4 * j), w));
      acc[t] = _mm256_add_epi32(acc[t], add_pairs(pairs));
    }
  });
  for (int t = 0; t < kTokens; ++t) sums[t] = reinterpret_cast<I32x8>(acc[t]);
}

// The same for tiles of nibbles, less a zero point of each row.
template <int kTokens, class Tile>
HEARTH_INLINE void nibble_sums(const Tile& tile, __m256i zeros, const PanelInputs& x, I32x8* sums) {
  const __m256i low_nibbles = _mm256_set1_epi8(15);
  __m256i acc[kTokens];
  for (int t = 0; t < kTokens; ++t) acc[t] = _mm256_setzero_si256();
  for_columns<4, kTokens>([&](int j) __attribute__((always_inline)) {
    const __m256i w = load_bytes(tile.q[j]);
    const __m256i low = _mm256_and_si256(w, low_nibbles);
    const __m256i high = _mm256_and_si256(_mm256_srli_epi16(w, 4), low_nibbles);
    for (int t = 0; t < kTokens; ++t) {
      // A pair of products is at most 2 * 15 * 127; all eight pairs of the block still fit 16 bits.
      acc[t] = _mm256_add_epi16(acc[t], _mm256_maddubs_epi16(low, broadcast4(x.q(t) + 4 * j)));
      acc[t] = _mm256_add_epi16(acc[t], _mm256_maddubs_epi16(high, broadcast4(x.q(t) + 16 + 4 * j)));
    }
  });
  for (int t = 0; t < kTokens; ++t) {
    const __m256i of_zeros = _mm256_mullo_epi32(zeros, _mm256_set1_epi32(x.sum(t, 0)));
    sums[t] = reinterpret_cast<I32x8>(_mm256_sub_epi32(add_pairs(acc[t]), of_zeros));
  }
}

template <int kTokens>
HEARTH_INLINE void block_sums(const TileQ8_0& tile, const PanelInputs& x, I32x8* sums) {
  byte_sums<kTokens>(tile, x, sums);
}

template <int kTokens>
HEARTH_INLINE void block_sums(const TileInt8& tile, const PanelInputs& x, I32x8* sums) {
  byte_sums<kTokens>(tile, x, sums);
}

template <int kTokens>
HEARTH_INLINE void block_sums(const TileQ4_0& tile, const PanelInputs& x, I32x8* sums) {
  nibble_sums<kTokens>(tile, _mm256_set1_epi32(8), x, sums);  // the nibble is the weight plus 8
}

template <int kTokens>
HEARTH_INLINE void block_sums(const TileInt4& tile, const PanelInputs& x, I32x8* sums) {
  const __m256i zeros = _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(tile.zero)));
  nibble_sums<kTokens>(tile, zeros, x, sums);
}

#else

HEARTH_INLINE int weight(const TileQ8_0& tile, int r, int k) {
  return tile.q[k / 4][r][k % 4];
}

HEARTH_INLINE int weight(const TileInt8& tile, int r, int k) {
  return tile.q[k / 4][r][k % 4];
}

template <class Tile>
HEARTH_INLINE int nibble(const Tile& tile, int r, int k) {
  const int byte = tile.q[k % 16 / 4][r][k % 4];
  return k < 16 ? byte & 15 : byte >> 4;
}

HEARTH_INLINE int weight(const TileQ4_0& tile, int r, int k) {
  return nibble(tile, r, k) - 8;
}

HEARTH_INLINE int weight(const TileInt4& tile, int r, int k) {
  return nibble(tile, r, k) - tile.zero[r];
}

template <int kTokens, class Tile>
HEARTH_INLINE void block_sums(const Tile& tile, const PanelInputs& x, I32x8* sums) {
  for (int t = 0; t < kTokens; ++t) {
    sums[t] = I32x8{};
    for (int k = 0; k < 32; ++k) {
      for (int r = 0; r < 8; ++r) sums[t][r] += weight(tile, r, k) * x.q(t)[k];
    }
  }
}

#endif

HEARTH_INLINE F32x8 load_scales(const std::uint16_t* halves) {
  return widen_f16_lanes(halves);
}

HEARTH_INLINE F32x8 load_scales(const float* floats) {
  return load(floats);
}

}  // namespace

template <int kTokens, class Tile>
HEARTH_INLINE void add_tile(const Tile& tile, const PanelInputs& x, F32x8* acc) {
  I32x8 sums[kTokens];
  block_sums<kTokens>(tile, x, sums);
  const F32x8 scales = load_scales(tile.scale);
  for (int t = 0; t < kTokens; ++t) {
    acc[t] = multiply_add(__builtin_convertvector(sums[t], F32x8), scales * broadcast(x.scale(t, 0)), acc[t]);
  }
}

void matmul_int8_q8_0(Stream& stream, const MatmulArgs& a) {
  run_panels<TileQ8_0, kTokenTile>(stream, a);
}

void matmul_int8_int8(Stream& stream, const MatmulArgs& a) {
  run_panels<TileInt8, kTokenTile>(stream, a);
}

void matmul_int8_int4(Stream& stream, const MatmulArgs& a) {
  run_panels<TileInt4, kTokenTile>(stream, a);
}

void matmul_int8_q4_0(Stream& stream, const MatmulArgs& a) {
  run_panels<TileQ4_0, kTokenTile>(stream, a);
}

}  // namespace hearth::HEARTH_ISA
