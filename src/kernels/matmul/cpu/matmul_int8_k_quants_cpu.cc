// Matmul with int8 activations for q4_k and q6_k in panels of eight rows.
//
// Order, for each row: super-blocks of 256 columns ascending. q4_k: blocks of 32 columns ascending; a block adds
// float(exact integer sum) * (weight scale * activation scale), then subtracts the minimum times the activations' sum.
// q6_k: each half of 128 columns takes the first groups of 16 of its four blocks, then the second ones; a group adds
// float(exact integer sum of q + 32) * (weight scale * activation scale), then subtracts 32 * weight scale times the
// activations' sum.
#include "kernels/matmul/cpu/matmul_panel.h"

namespace hearth::HEARTH_ISA {
namespace {

#if defined(__AVX2__)

// sums[b][t][r]: the integer sums of blocks 2 pair + b.
template <int kTokens>
HEARTH_INLINE void pair_sums(const TileQ4K& tile, int pair, const PanelInputs& x, I32x8 (*sums)[kTokens]) {
  const __m256i low_nibbles = _mm256_set1_epi8(15);
  __m256i acc[2][kTokens] = {};
  for (int j = 0; j < 8; ++j) {
    const __m256i w = load_bytes(tile.q[pair][j]);
    const __m256i low = _mm256_and_si256(w, low_nibbles);
    const __m256i high = _mm256_and_si256(_mm256_srli_epi16(w, 4), low_nibbles);
    for (int t = 0; t < kTokens; ++t) {
      // Eight pairs of products of at most 2 * 15 * 127 fit 16 bits.
      const std::int8_t* q = x.q(t) + 64 * pair + 4 * j;
      acc[0][t] = _mm256_add_epi16(acc[0][t], _mm256_maddubs_epi16(low, broadcast4(q)));
      acc[1][t] = _mm256_add_epi16(acc[1][t], _mm256_maddubs_epi16(high, broadcast4(q + 32)));
    }
  }
  for (int t = 0; t < kTokens; ++t) {
    for (int b = 0; b < 2; ++b) sums[b][t] = reinterpret_cast<I32x8>(add_pairs(acc[b][t]));
  }
}

// The four vectors of six-bit integers (q + 32) at columns 32 part + 4 j of a half.
HEARTH_INLINE void unpack_q6(const TileQ6K& tile, int half, int j, __m256i* parts) {
  const __m256i low_nibbles = _mm256_set1_epi8(15), two_bits = _mm256_set1_epi8(0x30);
  const __m256i l0 = load_bytes(tile.low[half][0][j]), l1 = load_bytes(tile.low[half][1][j]);
  const __m256i h = load_bytes(tile.high[half][j]);
  const auto join = [&](__m256i low, __m256i high) {
    return _mm256_or_si256(_mm256_and_si256(low, low_nibbles), _mm256_and_si256(high, two_bits));
  };
  parts[0] = join(l0, _mm256_slli_epi16(h, 4));
  parts[1] = join(l1, _mm256_slli_epi16(h, 2));
  parts[2] = join(_mm256_srli_epi16(l0, 4), h);
  parts[3] = join(_mm256_srli_epi16(l1, 4), _mm256_srli_epi16(h, 2));
}

// sums[part][t][r]: the integer sums of (q + 32) x over the group of columns 32 part + 16 second + [0, 16) of a half.
template <int kTokens>
HEARTH_INLINE void group_sums(const TileQ6K& tile, int half, int second, const PanelInputs& x, I32x8 (*sums)[kTokens]) {
  __m256i acc[4][kTokens] = {};
  for (int j = 4 * second; j < 4 * second + 4; j += 2) {
    __m256i w[2][4];
    unpack_q6(tile, half, j, w[0]);
    unpack_q6(tile, half, j + 1, w[1]);
    for (int t = 0; t < kTokens; ++t) {
      for (int part = 0; part < 4; ++part) {
        // Two pairs of products of at most 2 * 63 * 127 fit 16 bits.
        const std::int8_t* q = x.q(t) + 128 * half + 32 * part + 4 * j;
        const __m256i pairs = _mm256_add_epi16(_mm256_maddubs_epi16(w[0][part], broadcast4(q)),
                                               _mm256_maddubs_epi16(w[1][part], broadcast4(q + 4)));
        acc[part][t] = _mm256_add_epi32(acc[part][t], add_pairs(pairs));
      }
    }
  }
  for (int part = 0; part < 4; ++part) {
    for (int t = 0; t < kTokens; ++t) sums[part][t] = reinterpret_cast<I32x8>(acc[part][t]);
  }
}

#else

template <int kTokens>
HEARTH_INLINE void pair_sums(const TileQ4K& tile, int pair, const PanelInputs& x, I32x8 (*sums)[kTokens]) {
  for (int t = 0; t < kTokens; ++t) {
    sums[0][t] = sums[1][t] = I32x8{};
    for (int k = 0; k < 32; ++k) {
      for (int r = 0; r < 8; ++r) {
        const int byte = tile.q[pair][k / 4][r][k % 4];
        sums[0][t][r] += (byte & 15) * x.q(t)[64 * pair + k];
        sums[1][t][r] += (byte >> 4) * x.q(t)[64 * pair + 32 + k];
      }
    }
  }
}

template <int kTokens>
HEARTH_INLINE void group_sums(const TileQ6K& tile, int half, int second, const PanelInputs& x, I32x8 (*sums)[kTokens]) {
  for (int part = 0; part < 4; ++part) {
    for (int t = 0; t < kTokens; ++t) {
      sums[part][t] = I32x8{};
      for (int k = 16 * second; k < 16 * second + 16; ++k) {
        for (int r = 0; r < 8; ++r) {
          const int low = tile.low[half][part % 2][k / 4][r][k % 4] >> (4 * (part / 2)) & 15;
          const int high = tile.high[half][k / 4][r][k % 4] >> (2 * part) & 3;
          sums[part][t][r] += (low | high << 4) * x.q(t)[128 * half + 32 * part + k];
        }
      }
    }
  }
}

#endif

}  // namespace

template <int kTokens>
HEARTH_INLINE void add_tile(const TileQ4K& tile, const PanelInputs& x, F32x8* acc) {
  const F32x8 d = widen_f16_lanes(tile.d), dmin = widen_f16_lanes(tile.dmin);
  for (int pair = 0; pair < 4; ++pair) {
    I32x8 sums[2][kTokens];
    pair_sums<kTokens>(tile, pair, x, sums);
    for (int b = 0; b < 2; ++b) {
      const int block = 2 * pair + b;
      const F32x8 scale = d * widen_byte_lanes(tile.scale[block]);
      const F32x8 negative_min = -(dmin * widen_byte_lanes(tile.min[block]));
      for (int t = 0; t < kTokens; ++t) {
        const float x_scale = x.scale(t, block);
        const float x_sum = x_scale * static_cast<float>(x.sum(t, block));
        acc[t] = multiply_add(__builtin_convertvector(sums[b][t], F32x8), scale * broadcast(x_scale), acc[t]);
        acc[t] = multiply_add(negative_min, broadcast(x_sum), acc[t]);
      }
    }
  }
}

template <int kTokens>
HEARTH_INLINE void add_tile(const TileQ6K& tile, const PanelInputs& x, F32x8* acc) {
  const F32x8 d = widen_f16_lanes(tile.d);
  for (int half = 0; half < 2; ++half) {
    for (int second = 0; second < 2; ++second) {
      I32x8 sums[4][kTokens];
      group_sums<kTokens>(tile, half, second, x, sums);
      for (int part = 0; part < 4; ++part) {
        const int block = 4 * half + part, group = 2 * block + second;
        const F32x8 scale = d * widen_byte_lanes(tile.scale[group]);
        const F32x8 offset = scale * broadcast(-32.0f);
        for (int t = 0; t < kTokens; ++t) {
          const F32x8 product = scale * broadcast(x.scale(t, block));
          acc[t] = multiply_add(__builtin_convertvector(sums[part][t], F32x8), product, acc[t]);
          acc[t] = multiply_add(offset, broadcast(x.group_sum(t, group)), acc[t]);
        }
      }
    }
  }
}

void matmul_int8_q4_k(Stream& stream, const MatmulArgs& a) {
  run_panels<TileQ4K, 4>(stream, a);
}

void matmul_int8_q6_k(Stream& stream, const MatmulArgs& a) {
  run_panels<TileQ6K, 2>(stream, a);
}

}  // namespace hearth::HEARTH_ISA
