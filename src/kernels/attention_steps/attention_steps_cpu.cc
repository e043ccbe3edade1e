// Attention's separate steps on the CPU. Simple rather than fast: one row of scores at a time.
#include <cmath>
#include <cstdint>

#include "base/check.h"
#include "device/cpu/cpu_device.h"
#include "formats/float16.h"
#include "kernels/cpu/cpu_ops.h"
#include "kernels/cpu/simd.h"
#include "kernels/cpu/simd_math.h"

namespace hearth::HEARTH_ISA {
namespace {

HEARTH_INLINE F32x8 load_cached(const PagedKv& cache, const std::byte* data, std::int64_t element) {
  if (cache.format == Format::kF32) return load(reinterpret_cast<const float*>(data) + element);
  const auto* halves = reinterpret_cast<const std::uint16_t*>(data) + element;
  F32x8 v;
  for (int i = 0; i < 8; ++i) v[i] = bf16_to_f32(halves[i]);
  return v;
}

void check_cache(const PagedKv& cache, std::int64_t head_count) {
  CHECK(has_sizes_of_attention(cache) && head_count % cache.kv_heads == 0);
  CHECK(cache.format == Format::kF32 || cache.format == Format::kBf16);
}

// The first lanes stay, the others become `other`.
HEARTH_INLINE F32x8 replace_from(F32x8 v, std::int64_t count, float other) {
  constexpr I32x8 kLane{0, 1, 2, 3, 4, 5, 6, 7};
  return kLane < static_cast<std::int32_t>(count) ? v : broadcast(other);
}

HEARTH_INLINE void store_first(float* p, F32x8 v, std::int64_t count) {
  std::memcpy(p, &v, static_cast<std::size_t>(count) * sizeof(float));
}

HEARTH_INLINE std::int64_t lanes_left(std::int64_t i, std::int64_t count) {
  return count - i < 8 ? count - i : 8;
}

// `sink`, if not null, is part of the sum.
void softmax_row(float* x, std::int64_t width, const float* sink) {
  F32x8 maxima = broadcast(-INFINITY);
  for (std::int64_t i = 0; i < width; i += 8) {
    const std::int64_t lanes = lanes_left(i, width);
    maxima = max(replace_from(load_first(x + i, lanes), lanes, -INFINITY), maxima);
  }
  float row_max = -INFINITY;
  for (int i = 0; i < 8; ++i) row_max = maxima[i] > row_max ? maxima[i] : row_max;
  const float base = row_max == -INFINITY ? 0.0f : row_max;
  F32x8 sums{};
  for (std::int64_t i = 0; i < width; i += 8) {
    const std::int64_t lanes = lanes_left(i, width);
    const F32x8 e = exp8(replace_from(load_first(x + i, lanes), lanes, -INFINITY) - base);
    store_first(x + i, e, lanes);
    sums = sums + e;
  }
  float sum = sum_lanes(sums);
  if (sum == 0) return;  // nothing but -infinity: the exponentials are zeros already
  if (sink != nullptr) sum += exp8(broadcast(*sink - base))[0];
  for (std::int64_t i = 0; i < width; ++i) x[i] /= sum;
}

}  // namespace

void attention_scores(Stream& stream, const AttentionScoresArgs& args) {
  const PagedKv& cache = args.cache;
  check_cache(cache, args.head_count);
  const std::int64_t tokens = args.step.token_count, head_dim = cache.head_dim;
  if (tokens == 0) return;
  const std::int64_t keys = args.step.key_counts[0], group = args.head_count / cache.kv_heads;
  cpu_pool(stream).run_ranges(args.head_count * tokens, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const std::int64_t h = row / tokens;
      const float* q = args.q + row % tokens * args.q_stride + h * head_dim;
      for (std::int64_t j = 0; j < keys; ++j) {
        const std::int64_t key = paged_row(cache, args.step.block_tables, j, h / group) * head_dim;
        F32x8 sums{};
        for (std::int64_t d = 0; d < head_dim; d += 8) {
          sums = multiply_add(load(q + d), load_cached(cache, cache.k, key + d), sums);
        }
        args.scores[row * keys + j] = sum_lanes(sums);
      }
    }
  });
}

void attention_scale(Stream& stream, const AttentionScaleArgs& args) {
  constexpr std::int64_t kElementsPerTask = 4096;
  cpu_pool(stream).run_ranges(args.element_count, kElementsPerTask, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; i += 8) {
      const std::int64_t lanes = lanes_left(i, end);
      F32x8 x = load_first(args.x + i, lanes) * args.scale;
      if (args.softcap > 0) x = args.softcap * tanh8(x / args.softcap);
      store_first(args.x + i, x, lanes);
    }
  });
}

void attention_mask(Stream& stream, const AttentionMaskArgs& args) {
  const std::int64_t tokens = args.step.token_count;
  if (tokens == 0) return;
  const std::int64_t keys = args.step.key_counts[0];
  cpu_pool(stream).run_ranges(args.head_count * tokens, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const float slope = args.slopes == nullptr ? 0.0f : args.slopes[row / tokens];
      const std::int64_t position = args.step.positions[row % tokens];
      for (std::int64_t j = 0; j < keys; ++j) {
        float& score = args.scores[row * keys + j];
        score -= slope * static_cast<float>(j < position ? position - j : j - position);
        if (args.biases.of_heads != nullptr) score += args.biases.at(row / tokens, j - position);
        if (!is_visible(args.mask, args.step, 0, row % tokens, j)) score = -INFINITY;
      }
    }
  });
}

void softmax(Stream& stream, const SoftmaxArgs& args) {
  cpu_pool(stream).run_ranges(args.row_count, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const float* sink = args.sinks == nullptr ? nullptr : args.sinks + row / args.sink_rows;
      softmax_row(args.x + row * args.width, args.width, sink);
    }
  });
}

void attention_weighted_sum(Stream& stream, const AttentionWeightedSumArgs& args) {
  const PagedKv& cache = args.cache;
  check_cache(cache, args.head_count);
  const std::int64_t tokens = args.step.token_count, width = cache.value_dim();
  if (tokens == 0) return;
  const std::int64_t keys = args.step.key_counts[0], group = args.head_count / cache.kv_heads;
  cpu_pool(stream).run_ranges(args.head_count * tokens, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const std::int64_t h = row / tokens;
      float* out = args.out + (row % tokens * args.head_count + h) * width;
      for (std::int64_t d = 0; d < width; d += 8) store(out + d, F32x8{});
      for (std::int64_t j = 0; j < keys; ++j) {
        const float p = args.probabilities[row * keys + j];
        if (p == 0) continue;  // a hidden key: its value may be anything
        const std::int64_t value = paged_row(cache, args.step.block_tables, j, h / group) * cache.head_dim;
        for (std::int64_t d = 0; d < width; d += 8) {
          store(out + d, multiply_add(broadcast(p), load_cached(cache, cache.values(), value + d), load(out + d)));
        }
      }
    }
  });
}

}  // namespace hearth::HEARTH_ISA
