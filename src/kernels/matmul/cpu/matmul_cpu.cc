// Matmul in float32 arithmetic on the CPU, compute modes f32 and bf16. Weights that are floating-point numbers are
// widened in registers; blocks of quantized ones are decoded, a segment of a few rows at a time, onto the stack. Either
// way the same loop sums them, so both have the order that matmul.h states.
#include <algorithm>

#include "formats/float16.h"
#include "kernels/cpu/cpu_ops.h"
#include "kernels/cpu/simd.h"

namespace hearth::HEARTH_ISA {
namespace {

constexpr int kRowTile = 4;  // rows and tokens whose sums are in registers together: 4 x 3 of them, and 4 operands
constexpr int kTokenTile = 3;
constexpr std::int64_t kTokenBlock = 48;  // tokens whose segment (192 KiB) stays in the second-level cache

using U16x8 = std::uint16_t __attribute__((vector_size(16)));
using U32x8 = std::uint32_t __attribute__((vector_size(32)));

// A few rows of the weight, read as eight float32 lanes from column k on; `count` < 8 lanes at the end of a segment.
struct RowsF32 {
  const float* rows;
  std::int64_t stride;
  HEARTH_INLINE void prefetch(int r, std::int64_t k) const { __builtin_prefetch(rows + r * stride + k); }
  HEARTH_INLINE F32x8 at(int r, std::int64_t k) const { return load(rows + r * stride + k); }
  HEARTH_INLINE F32x8 at(int r, std::int64_t k, std::int64_t count) const {
    return load_first(rows + r * stride + k, count);
  }
};

struct Rows16Bit {
  const std::byte* rows;
  std::int64_t stride_bytes;
  HEARTH_INLINE void prefetch(int r, std::int64_t k) const { __builtin_prefetch(rows + r * stride_bytes + 2 * k); }
  HEARTH_INLINE U16x8 bits(int r, std::int64_t k, std::int64_t count = 8) const {
    U16x8 v{};
    std::memcpy(&v, rows + r * stride_bytes + 2 * k, static_cast<std::size_t>(2 * count));
    return v;
  }
};

HEARTH_INLINE F32x8 widen_bf16(U16x8 v) {
  return reinterpret_cast<F32x8>(__builtin_convertvector(v, U32x8) << 16);
}

HEARTH_INLINE F32x8 widen_f16(U16x8 v) {
#if defined(__F16C__)
  return reinterpret_cast<F32x8>(_mm256_cvtph_ps(reinterpret_cast<__m128i>(v)));
#else
  F32x8 result{};
  for (int i = 0; i < 8; ++i) result[i] = f16_to_f32(v[i]);
  return result;
#endif
}

// Nearest even; what f32_to_bf16 does to each lane, NaNs included.
HEARTH_INLINE F32x8 round_lanes_to_bf16(F32x8 v) {
  const U32x8 bits = reinterpret_cast<U32x8>(v);
  const U32x8 rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) & 0xffff0000u;
  const U32x8 quiet = (bits | 0x400000u) & 0xffff0000u;
  return reinterpret_cast<F32x8>((bits & 0x7fffffffu) > 0x7f800000u ? quiet : rounded);
}

struct RowsBf16 : Rows16Bit {
  HEARTH_INLINE F32x8 at(int r, std::int64_t k) const { return widen_bf16(bits(r, k)); }
  HEARTH_INLINE F32x8 at(int r, std::int64_t k, std::int64_t count) const { return widen_bf16(bits(r, k, count)); }
};

struct RowsF16 : Rows16Bit {
  HEARTH_INLINE F32x8 at(int r, std::int64_t k) const { return widen_f16(bits(r, k)); }
  HEARTH_INLINE F32x8 at(int r, std::int64_t k, std::int64_t count) const { return widen_f16(bits(r, k, count)); }
};

template <class Rows>
struct RoundedToBf16 : Rows {
  HEARTH_INLINE F32x8 at(int r, std::int64_t k) const { return round_lanes_to_bf16(Rows::at(r, k)); }
  HEARTH_INLINE F32x8 at(int r, std::int64_t k, std::int64_t count) const {
    return round_lanes_to_bf16(Rows::at(r, k, count));
  }
};

// The sums over one segment, of `kRows` rows from column `begin` on, and kTokens tokens; the first segment sets y, the
// others are added to it.
template <int kRows, int kTokens, class Rows>
HEARTH_INLINE void segment_tile(const Rows& rows, std::int64_t begin, const float* x, std::int64_t x_stride,
                                std::int64_t count, bool first, float* y, std::int64_t y_stride) {
  F32x8 sums[kRows][kTokens] = {};
  const std::int64_t whole = count / 8 * 8;
  for (std::int64_t k = 0; k < whole; k += 8) {
    F32x8 xs[kTokens];
    for (int t = 0; t < kTokens; ++t) xs[t] = load(x + t * x_stride + k);
    for (int r = 0; r < kRows; ++r) {
      // One token is bound by memory: ask for the next tile's rows while these are multiplied.
      if (kTokens == 1) rows.prefetch(r + kRows, begin + k);
      const F32x8 w = rows.at(r, begin + k);
      for (int t = 0; t < kTokens; ++t) sums[r][t] = multiply_add(w, xs[t], sums[r][t]);
    }
  }
  if (whole < count) {
    for (int r = 0; r < kRows; ++r) {
      const F32x8 w = rows.at(r, begin + whole, count - whole);
      for (int t = 0; t < kTokens; ++t) {
        sums[r][t] = multiply_add(w, load_first(x + t * x_stride + whole, count - whole), sums[r][t]);
      }
    }
  }
  for (int t = 0; t < kTokens; ++t) {
    for (int r = 0; r < kRows; ++r) {
      const float sum = sum_lanes(sums[r][t]);
      float& out = y[t * y_stride + r];
      out = first ? sum : out + sum;
    }
  }
}

// One segment of a row tile against `token_count` tokens.
template <int kRows, class Rows>
HEARTH_INLINE void segment_tokens(const Rows& rows, std::int64_t begin, std::int64_t count, const float* x,
                                  std::int64_t x_stride, std::int64_t token_count, bool first, float* y,
                                  std::int64_t y_stride) {
  std::int64_t t = 0;
  for (; t + kTokenTile <= token_count; t += kTokenTile) {
    segment_tile<kRows, kTokenTile>(rows, begin, x + t * x_stride, x_stride, count, first, y + t * y_stride, y_stride);
  }
  for (; t < token_count; ++t) {
    segment_tile<kRows, 1>(rows, begin, x + t * x_stride, x_stride, count, first, y + t * y_stride, y_stride);
  }
}

// All segments of rows [n, n + kRows), for the tokens [t0, t1).
template <int kRows, class Segment>
HEARTH_INLINE void row_tile(const MatmulArgs& a, std::int64_t n, std::int64_t t0, std::int64_t t1,
                            const Segment& segment) {
  float* y = a.y + t0 * a.y_stride + n;
  if (a.k == 0) {
    for (std::int64_t t = t0; t < t1; ++t) std::fill_n(a.y + t * a.y_stride + n, kRows, 0.0f);
  }
  for (std::int64_t k = 0; k < a.k; k += kMatmulSegment) {
    const std::int64_t count = std::min(kMatmulSegment, a.k - k);
    segment.template run<kRows>(n, k, count, static_cast<const float*>(a.x) + t0 * a.k + k, t1 - t0, k == 0, y);
  }
  for (std::int64_t t = t0; t < t1; ++t) {
    for (std::int64_t r = n; r < n + kRows; ++r) {
      float& out = a.y[t * a.y_stride + r];
      out = out * a.scale + (a.bias != nullptr ? a.bias[r] : 0.0f);
    }
  }
}

template <class Segment>
void run_rows(Stream& stream, const MatmulArgs& a, const Segment& segment, std::int64_t token_block) {
  if (a.token_count == 0) return;
  ThreadPool& pool = cpu_pool(stream);
  const std::int64_t tiles = (a.n + kRowTile - 1) / kRowTile;
  const std::int64_t grain = std::max<std::int64_t>(1, tiles / (8 * pool.thread_count())) * kRowTile;
  pool.run_ranges(a.n, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = 0; t < a.token_count; t += token_block) {
      const std::int64_t t1 = std::min(t + token_block, a.token_count);
      std::int64_t n = begin;
      for (; n + kRowTile <= end; n += kRowTile) row_tile<kRowTile>(a, n, t, t1, segment);
      for (; n < end; ++n) row_tile<1>(a, n, t, t1, segment);
    }
  });
}

// Weights that a vector load can widen.
template <class Rows>
struct DirectSegment {
  const MatmulArgs& a;
  template <int kRows>
  HEARTH_INLINE void run(std::int64_t n, std::int64_t k, std::int64_t count, const float* x, std::int64_t token_count,
                         bool first, float* y) const {
    Rows rows;
    if constexpr (std::is_base_of_v<RowsF32, Rows>) {
      rows.rows = reinterpret_cast<const float*>(a.weights) + n * a.k;
      rows.stride = a.k;
    } else {
      rows.rows = a.weights + 2 * n * a.k;
      rows.stride_bytes = 2 * a.k;
    }
    segment_tokens<kRows>(rows, k, count, x, a.k, token_count, first, y, a.y_stride);
  }
};

// Weights in blocks: decoded first, a segment at a time. A block never crosses a segment: all block sizes divide it.
template <Compute kCompute>
struct DecodedSegment {
  const MatmulArgs& a;
  const FormatTraits& format;
  std::int64_t row_bytes;

  template <int kRows>
  HEARTH_INLINE void run(std::int64_t n, std::int64_t k, std::int64_t count, const float* x, std::int64_t token_count,
                         bool first, float* y) const {
    const auto source = [&](int r) {
      return a.weights + (n + r) * row_bytes + k / format.block_elements * format.block_bytes;
    };
    if constexpr (kCompute == Compute::kF32) {
      float decoded[kRows * kMatmulSegment];
      for (int r = 0; r < kRows; ++r) format.decode_f32(source(r), decoded + r * kMatmulSegment, count);
      const RowsF32 rows{decoded, kMatmulSegment};
      segment_tokens<kRows>(rows, 0, count, x, a.k, token_count, first, y, a.y_stride);
    } else {
      std::uint16_t decoded[kRows * kMatmulSegment];
      for (int r = 0; r < kRows; ++r) format.decode_bf16(source(r), decoded + r * kMatmulSegment, count);
      const RowsBf16 rows{{reinterpret_cast<const std::byte*>(decoded), 2 * kMatmulSegment}};
      segment_tokens<kRows>(rows, 0, count, x, a.k, token_count, first, y, a.y_stride);
    }
  }
};

template <Compute kCompute>
void run_decoded(Stream& stream, const MatmulArgs& a) {
  const FormatTraits& format = traits(a.format);
  // Decoding costs more than reading activations again, so it is done once for all tokens.
  run_rows(stream, a, DecodedSegment<kCompute>{a, format, format_bytes(a.format, a.k)}, a.token_count);
}

}  // namespace

void matmul_f32(Stream& stream, const MatmulArgs& a) {
  switch (a.format) {
    case Format::kF32:
      return run_rows(stream, a, DirectSegment<RowsF32>{a}, kTokenBlock);
    case Format::kF16:
      return run_rows(stream, a, DirectSegment<RowsF16>{a}, kTokenBlock);
    case Format::kBf16:
      return run_rows(stream, a, DirectSegment<RowsBf16>{a}, kTokenBlock);
    default:
      return run_decoded<Compute::kF32>(stream, a);
  }
}

void matmul_bf16(Stream& stream, const MatmulArgs& a) {
  switch (a.format) {
    case Format::kF32:
      return run_rows(stream, a, DirectSegment<RoundedToBf16<RowsF32>>{a}, kTokenBlock);
    case Format::kF16:  // packed as bf16
    case Format::kFp8E4m3:
    case Format::kBf16:
      return run_rows(stream, a, DirectSegment<RowsBf16>{a}, kTokenBlock);
    default:
      return run_decoded<Compute::kBf16>(stream, a);
  }
}

}  // namespace hearth::HEARTH_ISA
