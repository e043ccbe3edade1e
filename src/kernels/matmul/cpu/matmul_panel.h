// What the int8 kernels over panels of eight rows share: the walk over panels, tiles and tokens, and the vector pieces.
// Lane r of a vector is row r, so a block's eight scales are one vector and no lanes are ever added. This is what
// decode speed is made of: a panel is one run of memory, read once.
//
// A tile type has kColumns and, in its kernel's source file, a function
//   void add_tile<kTokens>(const Tile& tile, const PanelInputs& x, F32x8* acc)
// which adds the products of the tile's columns to the sums of each token. Included by kernel bodies only.
#pragma once

#include <algorithm>

#include "formats/float16.h"
#include "kernels/cpu/simd.h"
#include "kernels/matmul/cpu/matmul_int8.h"

namespace hearth::HEARTH_ISA {

// The activations of a few tokens, from one column on.
class PanelInputs {
 public:
  HEARTH_INLINE PanelInputs(const MatmulArgs& a, std::int64_t first_token, std::int64_t column,
                            const std::int8_t* code_values)
      : x_(a.quantized), k_(a.k), first_(first_token * a.k + column), code_values_(code_values) {}
  // Where weights are codes: the 16 integers that they stand for.
  HEARTH_INLINE const std::int8_t* code_values() const { return code_values_; }
  HEARTH_INLINE const std::int8_t* q(int t) const { return x_.q + first_ + t * k_; }
  // Of block b, counted from the column.
  HEARTH_INLINE float scale(int t, int b) const { return x_.scale[at<kActivationBlock>(t) + b]; }
  HEARTH_INLINE std::int32_t sum(int t, int b) const { return x_.sum[at<kActivationBlock>(t) + b]; }
  HEARTH_INLINE float group_sum(int t, int g) const { return x_.group_sum[at<kActivationGroup>(t) + g]; }

 private:
  // Unsigned: a shift. Both are multiples of kSize.
  template <std::int64_t kSize>
  HEARTH_INLINE std::int64_t at(int t) const {
    return static_cast<std::uint64_t>(first_) / kSize + t * (static_cast<std::uint64_t>(k_) / kSize);
  }

  const QuantizedActivations& x_;
  std::int64_t k_, first_;
  const std::int8_t* code_values_;
};

HEARTH_INLINE F32x8 widen_f16_lanes(const std::uint16_t* halves) {
#if defined(__F16C__)
  return reinterpret_cast<F32x8>(_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(halves))));
#else
  F32x8 result{};
  for (int r = 0; r < 8; ++r) result[r] = f16_to_f32(halves[r]);
  return result;
#endif
}

// Eight bytes, signed or not, as floats.
template <class Bytes>
HEARTH_INLINE F32x8 widen_lanes(const void* bytes) {
  Bytes v;
  std::memcpy(&v, bytes, sizeof v);
  return __builtin_convertvector(__builtin_convertvector(v, I32x8), F32x8);
}
using U8x8 = std::uint8_t __attribute__((vector_size(8)));
using I8x8 = std::int8_t __attribute__((vector_size(8)));
HEARTH_INLINE F32x8 widen_byte_lanes(const std::uint8_t* bytes) {
  return widen_lanes<U8x8>(bytes);
}
HEARTH_INLINE F32x8 widen_byte_lanes(const std::int8_t* bytes) {
  return widen_lanes<I8x8>(bytes);
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

// Pairs of 16-bit sums added: one 32-bit sum for each row.
HEARTH_INLINE __m256i add_pairs(__m256i sums) {
  return _mm256_madd_epi16(sums, _mm256_set1_epi16(1));
}

#endif

template <class Tile, int kTokens>
HEARTH_INLINE void panel_tokens(const MatmulArgs& a, const Tile* tiles, std::int64_t panel, std::int64_t first_token,
                                const std::int8_t* code_values) {
  constexpr std::size_t kReadAheadBytes = 2048;
  F32x8 acc[kTokens];
  for (int t = 0; t < kTokens; ++t) acc[t] = F32x8{};
  // The first tokens that need a panel wait for the memory: it is one run of it, so what comes next is known.
  const bool reads_ahead = first_token == 0;
  for (std::int64_t i = 0; i < a.k / Tile::kColumns; ++i) {
    for (std::size_t line = 0; reads_ahead && line < sizeof(Tile); line += 64) {
      __builtin_prefetch(reinterpret_cast<const std::byte*>(tiles + i) + kReadAheadBytes + line);
    }
    add_tile<kTokens>(tiles[i], PanelInputs(a, first_token, i * Tile::kColumns, code_values), acc);
  }
  const std::int64_t n = panel * kPanelRows;
  if (n + kPanelRows <= a.n) {
    const F32x8 bias = a.bias != nullptr ? load(a.bias + n) : F32x8{};
    for (int t = 0; t < kTokens; ++t) store(a.y + (first_token + t) * a.y_stride + n, acc[t] * a.scale + bias);
    return;
  }
  for (int t = 0; t < kTokens; ++t) {
    float* y = a.y + (first_token + t) * a.y_stride + n;
    for (std::int64_t r = 0; r < a.n - n; ++r) {
      y[r] = acc[t][r] * a.scale + (a.bias != nullptr ? a.bias[n + r] : 0.0f);
    }
  }
}

// Tokens that meet a panel before the next one is read: what they write of the rows stays in the caches meanwhile.
inline constexpr std::int64_t kTokensOfRun = 64;

// `kTokenTile` tokens share what is unpacked; it changes no bit.
template <class Tile, int kTokenTile>
HEARTH_INLINE void run_panels(Stream& stream, const MatmulArgs& a, const std::int8_t* code_values = nullptr) {
  if (a.token_count == 0) return;
  ThreadPool& pool = cpu_pool(stream);
  const std::int64_t panels = (a.n + kPanelRows - 1) / kPanelRows;
  const std::int64_t tiles = a.k / Tile::kColumns;
  const std::int64_t grain = std::max<std::int64_t>(1, panels / (8 * pool.thread_count()));
  pool.run_ranges(panels, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t0 = 0; t0 < a.token_count; t0 += kTokensOfRun) {
      const std::int64_t t1 = std::min(t0 + kTokensOfRun, a.token_count);
      for (std::int64_t panel = begin; panel < end; ++panel) {
        const Tile* first = reinterpret_cast<const Tile*>(a.weights) + panel * tiles;
        std::int64_t t = t0;
        for (; t + kTokenTile <= t1; t += kTokenTile) panel_tokens<Tile, kTokenTile>(a, first, panel, t, code_values);
        // What is left over, as in steps with a few drafted tokens: in pairs.
        if constexpr (kTokenTile > 2) {
          for (; t + 2 <= t1; t += 2) panel_tokens<Tile, 2>(a, first, panel, t, code_values);
        }
        if (t < t1) panel_tokens<Tile, 1>(a, first, panel, t, code_values);
      }
    }
  });
}

}  // namespace hearth::HEARTH_ISA
