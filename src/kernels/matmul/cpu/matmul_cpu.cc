// Matmul in float32 arithmetic on the CPU, compute modes f32 and bf16. For few tokens, weights that are floating-point
// numbers are widened in registers, and blocks of quantized ones decoded onto the stack, a segment of a few rows at a
// time. Many tokens share a chunk of rows that is float32 before it meets them. The same loop sums all of them, so that
// they have the order that matmul.h states.
#include <algorithm>

#include "formats/float16.h"
#include "kernels/cpu/cpu_ops.h"
#include "kernels/cpu/simd.h"

namespace hearth::HEARTH_ISA {
namespace {

constexpr int kRowTile = 4;  // rows and tokens whose sums are in registers together: 4 x 3 of them, and 4 operands
constexpr int kTokenTile = 3;
constexpr std::int64_t kManyTokens = 16;
constexpr std::int64_t kChunkElements = 32 * 1024;  // of float32 weights: 128 KiB, a part of the second-level cache
constexpr std::int64_t kChunkRowsMax = 64;
constexpr std::int64_t kChunkTokens = 512;          // that meet a chunk in one task
constexpr std::int64_t kCachedElements = 4 * 1024;  // of activations that a chunk's rows meet: half of the first level

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

// The lanes of one segment's sums, of `kRows` rows from column `begin` on, and kTokens tokens.
template <int kRows, int kTokens, class Rows>
HEARTH_INLINE void segment_lanes(const Rows& rows, std::int64_t begin, const float* x, std::int64_t x_stride,
                                 std::int64_t count, F32x8 (&sums)[kTokens][kRows]) {
  for (int i = 0; i < kTokens * kRows; ++i) sums[i / kRows][i % kRows] = F32x8{};
  const std::int64_t whole = count / 8 * 8;
  for (std::int64_t k = 0; k < whole; k += 8) {
    F32x8 xs[kTokens];
    for (int t = 0; t < kTokens; ++t) xs[t] = load(x + t * x_stride + k);
    for (int r = 0; r < kRows; ++r) {
      // One token is bound by memory: ask for the next tile's rows while these are multiplied.
      if (kTokens == 1) rows.prefetch(r + kRows, begin + k);
      const F32x8 w = rows.at(r, begin + k);
      for (int t = 0; t < kTokens; ++t) sums[t][r] = multiply_add(w, xs[t], sums[t][r]);
    }
  }
  if (whole < count) {
    for (int r = 0; r < kRows; ++r) {
      const F32x8 w = rows.at(r, begin + whole, count - whole);
      for (int t = 0; t < kTokens; ++t) {
        sums[t][r] = multiply_add(w, load_first(x + t * x_stride + whole, count - whole), sums[t][r]);
      }
    }
  }
}

// The first segment sets y, the others are added to it.
template <int kRows, int kTokens, class Rows>
HEARTH_INLINE void segment_tile(const Rows& rows, std::int64_t begin, const float* x, std::int64_t x_stride,
                                std::int64_t count, bool first, float* y, std::int64_t y_stride) {
  F32x8 sums[kTokens][kRows];
  segment_lanes<kRows, kTokens>(rows, begin, x, x_stride, count, sums);
  for (int t = 0; t < kTokens; ++t) {
    for (int r = 0; r < kRows; ++r) {
      const float sum = sum_lanes(sums[t][r]);
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

// All segments of rows [n, n + kRows).
template <int kRows, class Segment>
HEARTH_INLINE void row_tile(const MatmulArgs& a, std::int64_t n, const Segment& segment) {
  if (a.k == 0) {
    for (std::int64_t t = 0; t < a.token_count; ++t) std::fill_n(a.y + t * a.y_stride + n, kRows, 0.0f);
  }
  for (std::int64_t k = 0; k < a.k; k += kMatmulSegment) {
    const std::int64_t count = std::min(kMatmulSegment, a.k - k);
    segment.template run<kRows>(n, k, count, static_cast<const float*>(a.x) + k, a.token_count, k == 0, a.y + n);
  }
  for (std::int64_t t = 0; t < a.token_count; ++t) {
    for (std::int64_t r = n; r < n + kRows; ++r) {
      float& out = a.y[t * a.y_stride + r];
      out = out * a.scale + (a.bias != nullptr ? a.bias[r] : 0.0f);
    }
  }
}

template <class Segment>
void run_rows(Stream& stream, const MatmulArgs& a, const Segment& segment) {
  if (a.token_count == 0) return;
  ThreadPool& pool = cpu_pool(stream);
  const std::int64_t tiles = (a.n + kRowTile - 1) / kRowTile;
  const std::int64_t grain = std::max<std::int64_t>(1, tiles / (8 * pool.thread_count())) * kRowTile;
  pool.run_ranges(a.n, grain, [&](std::int64_t begin, std::int64_t end) {
    std::int64_t n = begin;
    for (; n + kRowTile <= end; n += kRowTile) row_tile<kRowTile>(a, n, segment);
    for (; n < end; ++n) row_tile<1>(a, n, segment);
  });
}

// Weights that a vector load can widen.
template <class Rows>
struct DirectSegment {
  const MatmulArgs& a;
  template <int kRows>
  HEARTH_INLINE void run(std::int64_t n, std::int64_t k, std::int64_t count, const float* x, std::int64_t token_count,
                         bool first, float* y) const {
    segment_tokens<kRows>(rows_from(n), k, count, x, a.k, token_count, first, y, a.y_stride);
  }
  HEARTH_INLINE Rows rows_from(std::int64_t n) const {
    Rows rows;
    if constexpr (std::is_base_of_v<RowsF32, Rows>) {
      rows.rows = reinterpret_cast<const float*>(a.weights) + n * a.k;
      rows.stride = a.k;
    } else {
      rows.rows = a.weights + 2 * n * a.k;
      rows.stride_bytes = 2 * a.k;
    }
    return rows;
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

// A chunk of rows and the tokens of a task, in one segment of k.
struct Chunk {
  const MatmulArgs& a;
  std::int64_t n_begin, n_end;
  std::int64_t t_begin, t_end;
  std::int64_t k, count;
  RowsF32 rows;  // from row n_begin and column k on

  // y of kRows rows from n and kTokens tokens from t: set, added to, and in the last segment finished.
  template <int kRows, int kTokens>
  HEARTH_INLINE void tile(std::int64_t n, std::int64_t t) const {
    const RowsF32 of_tile{rows.rows + (n - n_begin) * rows.stride, rows.stride};
    F32x8 sums[kTokens][kRows];
    segment_lanes<kRows, kTokens>(of_tile, 0, static_cast<const float*>(a.x) + t * a.k + k, a.k, count, sums);
    const bool last = k + count == a.k;
    for (int i = 0; i < kTokens; ++i) {
      float* const y = a.y + (t + i) * a.y_stride + n;
      if constexpr (kRows == 4) {
        F32x4 sum = sum_lanes_of_4(sums[i]), before{}, bias{};
        if (k > 0) std::memcpy(&before, y, sizeof before), sum = before + sum;
        if (last && a.bias != nullptr) std::memcpy(&bias, a.bias + n, sizeof bias);
        if (last) sum = sum * a.scale + bias;
        std::memcpy(y, &sum, sizeof sum);
      } else {
        for (int r = 0; r < kRows; ++r) {
          float sum = sum_lanes(sums[i][r]);
          if (k > 0) sum = y[r] + sum;
          y[r] = last ? sum * a.scale + (a.bias != nullptr ? a.bias[n + r] : 0.0f) : sum;
        }
      }
    }
  }

  template <int kTokens>
  HEARTH_INLINE void row(std::int64_t n, std::int64_t t) const {
    n + kRowTile <= n_end ? tile<kRowTile, kTokens>(n, t) : tile<1, kTokens>(n, t);
  }

  // A few tokens stay in the first-level cache while all rows pass.
  void run() const {
    const std::int64_t tokens = std::max<std::int64_t>(1, kCachedElements / count / kTokenTile) * kTokenTile;
    for (std::int64_t t0 = t_begin; t0 < t_end; t0 += tokens) {
      const std::int64_t t1 = std::min(t0 + tokens, t_end);
      for (std::int64_t n = n_begin; n < n_end; n += n + kRowTile <= n_end ? kRowTile : 1) {
        std::int64_t t = t0;
        for (; t + kTokenTile <= t1; t += kTokenTile) row<kTokenTile>(n, t);
        for (; t < t1; ++t) row<1>(n, t);
      }
    }
  }
};

// Many tokens. widen(row, k, count, out) writes a part of a row of the weight as float32; not used where `widened` has
// all of it.
template <class Widen>
void run_chunks(Stream& stream, const MatmulArgs& a, const float* widened, const Widen& widen) {
  ThreadPool& pool = cpu_pool(stream);
  const std::int64_t segment = std::min(kMatmulSegment, a.k);
  // Enough tasks to keep every thread busy to the end.
  std::int64_t rows = std::min(kChunkRowsMax, kChunkElements / segment / kRowTile * kRowTile);
  const std::int64_t token_parts = (a.token_count + kChunkTokens - 1) / kChunkTokens;
  while (rows > 2 * kRowTile && (a.n + rows - 1) / rows * token_parts < 8 * pool.thread_count()) {
    rows = (rows / 2 + kRowTile - 1) / kRowTile * kRowTile;
  }
  const std::int64_t row_parts = (a.n + rows - 1) / rows;
  pool.run_ranges(row_parts * token_parts, 1, [&](std::int64_t task, std::int64_t) {
    alignas(64) float buffer[kChunkElements];
    Chunk chunk{.a = a,
                .n_begin = task % row_parts * rows,
                .n_end = std::min(a.n, (task % row_parts + 1) * rows),
                .t_begin = task / row_parts * kChunkTokens,
                .t_end = std::min(a.token_count, (task / row_parts + 1) * kChunkTokens),
                .k = 0,
                .count = 0,
                .rows = {}};
    for (; chunk.k < a.k; chunk.k += chunk.count) {
      chunk.count = std::min(segment, a.k - chunk.k);
      if (widened != nullptr) {
        chunk.rows = {widened + chunk.n_begin * a.k + chunk.k, a.k};
      } else {
        for (std::int64_t n = chunk.n_begin; n < chunk.n_end; ++n) {
          widen(n, chunk.k, chunk.count, buffer + (n - chunk.n_begin) * segment);
        }
        chunk.rows = {buffer, segment};
      }
      chunk.run();
    }
  });
}

bool has_many_tokens(const MatmulArgs& a) {
  return a.token_count >= kManyTokens && a.k > 0;
}

template <class Rows>
void run_direct(Stream& stream, const MatmulArgs& a) {
  const DirectSegment<Rows> segment{a};
  if (!has_many_tokens(a)) return run_rows(stream, a, segment);
  const float* widened = std::is_same_v<Rows, RowsF32> ? reinterpret_cast<const float*>(a.weights) : nullptr;
  run_chunks(stream, a, widened, [&](std::int64_t n, std::int64_t k, std::int64_t count, float* out) {
    const Rows rows = segment.rows_from(n);
    std::int64_t i = 0;
    for (; i + 8 <= count; i += 8) store(out + i, rows.at(0, k + i));
    for (; i < count; ++i) out[i] = rows.at(0, k + i, 1)[0];
  });
}

template <Compute kCompute>
void run_decoded(Stream& stream, const MatmulArgs& a) {
  const FormatTraits& format = traits(a.format);
  const std::int64_t row_bytes = format_bytes(a.format, a.k);
  if (!has_many_tokens(a)) return run_rows(stream, a, DecodedSegment<kCompute>{a, format, row_bytes});
  run_chunks(stream, a, nullptr, [&](std::int64_t n, std::int64_t k, std::int64_t count, float* out) {
    const std::byte* source = a.weights + n * row_bytes + k / format.block_elements * format.block_bytes;
    if constexpr (kCompute == Compute::kF32) {
      format.decode_f32(source, out, count);
    } else {
      std::uint16_t decoded[kMatmulSegment];
      format.decode_bf16(source, decoded, count);
      for (std::int64_t i = 0; i < count; ++i) out[i] = bf16_to_f32(decoded[i]);
    }
  });
}

}  // namespace

void matmul_f32(Stream& stream, const MatmulArgs& a) {
  switch (a.format) {
    case Format::kF32:
      return run_direct<RowsF32>(stream, a);
    case Format::kF16:
      return run_direct<RowsF16>(stream, a);
    case Format::kBf16:
      return run_direct<RowsBf16>(stream, a);
    default:
      return run_decoded<Compute::kF32>(stream, a);
  }
}

void matmul_bf16(Stream& stream, const MatmulArgs& a) {
  switch (a.format) {
    case Format::kF32:
      return run_direct<RoundedToBf16<RowsF32>>(stream, a);
    case Format::kF16:  // packed as bf16
    case Format::kFp8E4m3:
    case Format::kBf16:
      return run_direct<RowsBf16>(stream, a);
    default:
      return run_decoded<Compute::kBf16>(stream, a);
  }
}

}  // namespace hearth::HEARTH_ISA
