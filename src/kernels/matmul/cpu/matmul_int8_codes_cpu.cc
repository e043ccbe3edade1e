// Matmul with int8 activations for weights whose integers are looked up with 4-bit codes, in panels of eight rows: iq1
// to iq4, mxfp4, nvfp4, and the formats of two or three values.
//
// Order: for each row, blocks of 32 columns ascending; a block adds, for each of its scales (the first 16 columns'
// first), float(exact integer sum) * (weight scale * activation scale), one multiply_add.
#include "formats/code_values.h"
#include "kernels/matmul/cpu/matmul_panel.h"

namespace hearth::HEARTH_ISA {
namespace {

constexpr int kCodesTokenTile = 4;

#if defined(__AVX2__)

// sums[g][t][r]: over the columns of group g.
template <int kTokens, class Tile>
HEARTH_INLINE void code_sums(const Tile& tile, const PanelInputs& x, I32x8 (*sums)[kTokens]) {
  const __m256i values =
      _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(x.code_values())));
  const __m256i low_nibbles = _mm256_set1_epi8(15);
  __m256i acc[Tile::kGroups][kTokens] = {};
  for (int j = 0; j < 4; ++j) {
    const __m256i codes = load_bytes(tile.q[j]);
    for (int half = 0; half < 2; ++half) {
      const __m256i code = _mm256_and_si256(half == 0 ? codes : _mm256_srli_epi16(codes, 4), low_nibbles);
      const __m256i w = _mm256_shuffle_epi8(values, code);
      const __m256i magnitude = _mm256_abs_epi8(w);
      for (int t = 0; t < kTokens; ++t) {
        // Magnitudes and activations are at most 127: a pair of products fits 16 bits, two pairs may not.
        const __m256i products =
            _mm256_maddubs_epi16(magnitude, _mm256_sign_epi8(broadcast4(x.q(t) + 16 * half + 4 * j), w));
        __m256i& sum = acc[half * (Tile::kGroups - 1)][t];
        sum = _mm256_add_epi32(sum, add_pairs(products));
      }
    }
  }
  for (int g = 0; g < Tile::kGroups; ++g) {
    for (int t = 0; t < kTokens; ++t) sums[g][t] = reinterpret_cast<I32x8>(acc[g][t]);
  }
}

#else

template <int kTokens, class Tile>
HEARTH_INLINE void code_sums(const Tile& tile, const PanelInputs& x, I32x8 (*sums)[kTokens]) {
  for (int g = 0; g < Tile::kGroups; ++g) {
    for (int t = 0; t < kTokens; ++t) sums[g][t] = I32x8{};
  }
  for (int k = 0; k < 32; ++k) {
    for (int r = 0; r < 8; ++r) {
      const int byte = tile.q[k % 16 / 4][r][k % 4];
      const int w = x.code_values()[k < 16 ? byte & 15 : byte >> 4];
      for (int t = 0; t < kTokens; ++t) sums[k / 16 * (Tile::kGroups - 1)][t][r] += w * x.q(t)[k];
    }
  }
}

#endif

}  // namespace

template <int kTokens, int kGroups>
HEARTH_INLINE void add_tile(const TileCodes<kGroups>& tile, const PanelInputs& x, F32x8* acc) {
  I32x8 sums[kGroups][kTokens];
  code_sums<kTokens>(tile, x, sums);
  for (int g = 0; g < kGroups; ++g) {
    const F32x8 scales = load(tile.scale[g]);
    for (int t = 0; t < kTokens; ++t) {
      acc[t] = multiply_add(__builtin_convertvector(sums[g][t], F32x8), scales * broadcast(x.scale(t, 0)), acc[t]);
    }
  }
}

void matmul_int8_codes_32(Stream& stream, const MatmulArgs& a) {
  run_panels<TileCodes<1>, kCodesTokenTile>(stream, a, code_values(a.format).data());
}

void matmul_int8_codes_16(Stream& stream, const MatmulArgs& a) {
  run_panels<TileCodes<2>, kCodesTokenTile>(stream, a, code_values(a.format).data());
}

}  // namespace hearth::HEARTH_ISA
