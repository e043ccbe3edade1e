// Matmul with int8 activations for q8_0 and q4_0 in panels of eight rows: lane r of a vector is row r, so a block's
// eight scales are one vector and no lanes are ever added. This is what decode speed is made of: a panel is one run of
// memory, read once.
//
// Order: for each row, blocks of 32 columns ascending; a block adds float(exact integer sum) * (weight scale *
// activation scale), one multiply_add.
#include <algorithm>

#include "formats/float16.h"
#include "kernels/cpu/simd.h"
#include "kernels/matmul/matmul_int8.h"

namespace hearth::HEARTH_ISA {
namespace {

constexpr int kTokenTile = 4;

HEARTH_INLINE F32x8 tile_scales(const std::uint16_t* scales) {
#if defined(__F16C__)
  return reinterpret_cast<F32x8>(_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(scales))));
#else
  F32x8 result{};
  for (int r = 0; r < 8; ++r) result[r] = f16_to_f32(scales[r]);
  return result;
#endif
}

#if defined(__AVX2__)

HEARTH_INLINE __m256i load_bytes(const void* p) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(p));
}

// Four activations in every row's place.
HEARTH_INLINE __m256i broadcast4(const std::int8_t* x) {
  std::int32_t word;
  std::memcpy(&word, x, sizeof word);
  return _mm256_set1_epi32(word);
}

// sums[t][r] = sum over the block of w[r][k] * x[t][k], exactly.
template <int kTokens>
HEARTH_INLINE void tile_sums(const TileQ8_0& tile, const std::int8_t* x, std::int64_t x_stride, const std::int32_t*,
                             std::int64_t, I32x8* sums) {
  __m256i acc[kTokens] = {};
  for (int j = 0; j < 8; ++j) {
    const __m256i w = load_bytes(tile.q[j]);
    const __m256i magnitude = _mm256_abs_epi8(w);
    for (int t = 0; t < kTokens; ++t) {
      // |w| <= 128 and |x| <= 127: a pair of products fits 16 bits, two pairs may not.
      const __m256i pairs = _mm256_maddubs_epi16(magnitude, _mm256_sign_epi8(broadcast4(x + t * x_stride + 4 * j), w));
      acc[t] = _mm256_add_epi32(acc[t], _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
    }
  }
  for (int t = 0; t < kTokens; ++t) sums[t] = reinterpret_cast<I32x8>(acc[t]);
}

template <int kTokens>
HEARTH_INLINE void tile_sums(const TileQ4_0& tile, const std::int8_t* x, std::int64_t x_stride,
                             const std::int32_t* x_sum, std::int64_t x_sum_stride, I32x8* sums) {
  const __m256i low_nibbles = _mm256_set1_epi8(15);
  __m256i acc[kTokens] = {};
  for (int j = 0; j < 4; ++j) {
    const __m256i w = load_bytes(tile.q[j]);
    const __m256i low = _mm256_and_si256(w, low_nibbles);
    const __m256i high = _mm256_and_si256(_mm256_srli_epi16(w, 4), low_nibbles);
    for (int t = 0; t < kTokens; ++t) {
      // A pair of products is at most 2 * 15 * 127; all eight pairs of the block still fit 16 bits.
      const std::int8_t* xt = x + t * x_stride + 4 * j;
      acc[t] = _mm256_add_epi16(acc[t], _mm256_maddubs_epi16(low, broadcast4(xt)));
      acc[t] = _mm256_add_epi16(acc[t], _mm256_maddubs_epi16(high, broadcast4(xt + 16)));
    }
  }
  for (int t = 0; t < kTokens; ++t) {
    // The nibble is the weight plus 8.
    const __m256i offset = _mm256_set1_epi32(8 * x_sum[t * x_sum_stride]);
    sums[t] = reinterpret_cast<I32x8>(_mm256_sub_epi32(_mm256_madd_epi16(acc[t], _mm256_set1_epi16(1)), offset));
  }
}

#else

HEARTH_INLINE int weight(const TileQ8_0& tile, int r, int k) {
  return tile.q[k / 4][r][k % 4];
}

HEARTH_INLINE int weight(const TileQ4_0& tile, int r, int k) {
  const int byte = tile.q[k % 16 / 4][r][k % 4];
  return (k < 16 ? byte & 15 : byte >> 4) - 8;
}

template <int kTokens, class Tile>
HEARTH_INLINE void tile_sums(const Tile& tile, const std::int8_t* x, std::int64_t x_stride, const std::int32_t*,
                             std::int64_t, I32x8* sums) {
  for (int t = 0; t < kTokens; ++t) {
    sums[t] = I32x8{};
    for (int k = 0; k < 32; ++k) {
      for (int r = 0; r < 8; ++r) sums[t][r] += weight(tile, r, k) * x[t * x_stride + k];
    }
  }
}

#endif

template <class Tile, int kTokens>
HEARTH_INLINE void panel_tokens(const MatmulArgs& a, const Tile* tiles, std::int64_t panel, std::int64_t t0) {
  const QuantizedActivations& x = a.quantized;
  const std::int64_t blocks = a.k / kActivationBlock;
  F32x8 acc[kTokens] = {};
  for (std::int64_t b = 0; b < blocks; ++b) {
    I32x8 sums[kTokens];
    tile_sums<kTokens>(tiles[b], x.q + t0 * a.k + b * kActivationBlock, a.k, x.sum + t0 * blocks + b, blocks, sums);
    const F32x8 scales = tile_scales(tiles[b].scale);
    for (int t = 0; t < kTokens; ++t) {
      const F32x8 scale = scales * broadcast(x.scale[(t0 + t) * blocks + b]);
      acc[t] = multiply_add(__builtin_convertvector(sums[t], F32x8), scale, acc[t]);
    }
  }
  const std::int64_t n = panel * kPanelRows;
  for (int t = 0; t < kTokens; ++t) {
    float* y = a.y + (t0 + t) * a.y_stride + n;
    for (std::int64_t r = 0; r < std::min(kPanelRows, a.n - n); ++r) {
      y[r] = acc[t][r] * a.scale + (a.bias != nullptr ? a.bias[n + r] : 0.0f);
    }
  }
}

template <class Tile>
HEARTH_INLINE void run_panels(Stream& stream, const MatmulArgs& a) {
  if (a.token_count == 0) return;
  ThreadPool& pool = cpu_pool(stream);
  const std::int64_t panels = (a.n + kPanelRows - 1) / kPanelRows;
  const std::int64_t tiles = a.k / kActivationBlock;
  const std::int64_t grain = std::max<std::int64_t>(1, panels / (8 * pool.thread_count()));
  pool.run_ranges(panels, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t panel = begin; panel < end; ++panel) {
      const Tile* first = reinterpret_cast<const Tile*>(a.weights) + panel * tiles;
      std::int64_t t = 0;
      for (; t + kTokenTile <= a.token_count; t += kTokenTile) panel_tokens<Tile, kTokenTile>(a, first, panel, t);
      for (; t < a.token_count; ++t) panel_tokens<Tile, 1>(a, first, panel, t);
    }
  });
}

}  // namespace

void matmul_int8_q8_0(Stream& stream, const MatmulArgs& a) {
  run_panels<TileQ8_0>(stream, a);
}
void matmul_int8_q4_0(Stream& stream, const MatmulArgs& a) {
  run_panels<TileQ4_0>(stream, a);
}

}  // namespace hearth::HEARTH_ISA
