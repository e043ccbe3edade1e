// Attention as it is defined, in double precision, one query head at a time: what the kernels are tested against.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <vector>

#include "formats/float16.h"
#include "kernels/attention/attention.h"

namespace hearth {

// Element d of the key or value at `position` of a sequence; `data` is cache.k or cache.v.
inline double cached_value(const PagedKv& cache, const std::byte* data, const std::int32_t* block_table,
                           std::int64_t position, std::int64_t kv_head, std::int64_t d) {
  const std::int64_t row = paged_row(cache, block_table, position, kv_head), in_block = position % cache.block_tokens;
  const bool by_dimension = cache.v_by_dimension && data == cache.v;
  const std::int64_t element =
      by_dimension ? (row - in_block) * cache.head_dim + d * cache.block_tokens + in_block : row * cache.head_dim + d;
  if (cache.format == Format::kBf16) {
    std::uint16_t half;
    std::memcpy(&half, data + element * 2, sizeof half);
    return static_cast<double>(bf16_to_f32(half));
  }
  float value;
  std::memcpy(&value, data + element * 4, sizeof value);
  return static_cast<double>(value);
}

inline double scale_reference(double score, double scale, double softcap) {
  score *= scale;
  return softcap > 0 ? softcap * std::tanh(score / softcap) : score;
}

// In place; a row of nothing but -infinity becomes zeros. A sink that is not -infinity counts in the sum.
inline void softmax_reference(std::vector<double>& row, double sink = -std::numeric_limits<double>::infinity()) {
  double max = sink;
  for (const double x : row) max = std::fmax(max, x);
  double sum = std::isinf(sink) ? 0 : std::exp(sink - max);
  for (double& x : row) sum += x = std::isinf(max) && max < 0 && !std::isnan(x) ? 0 : std::exp(x - max);
  for (double& x : row) x = sum > 0 || std::isnan(sum) ? x / sum : 0;
}

// [tokens, heads, value_dim]
inline std::vector<double> attention_reference(const AttentionArgs& args) {
  const PagedKv& cache = args.cache;
  const std::int64_t head_dim = cache.head_dim, group = args.head_count / cache.kv_heads;
  std::vector<double> out;
  for (std::int64_t t = 0; t < args.step.token_count; ++t) {
    const std::int32_t* block_table = block_table_of(args.step, args.step.sequences[t]);
    for (std::int64_t h = 0; h < args.head_count; ++h) {
      const float* q = args.q + t * args.q_stride + h * head_dim;
      std::vector<double> row;
      std::vector<std::int64_t> keys;
      for (std::int64_t j = 0; j < args.step.key_counts[args.step.sequences[t]]; ++j) {
        if (!is_visible(args.mask, args.step, t, j)) continue;
        double dot = 0;
        for (std::int64_t d = 0; d < head_dim; ++d) {
          dot += static_cast<double>(q[d]) * cached_value(cache, cache.k, block_table, j, h / group, d);
        }
        double score = scale_reference(dot, static_cast<double>(args.scale), static_cast<double>(args.softcap));
        if (args.slopes != nullptr) {
          const std::int64_t position = args.step.positions[t];
          score -= static_cast<double>(args.slopes[h]) * static_cast<double>(std::abs(j - position));
        }
        if (args.biases.of_heads != nullptr) {
          score += static_cast<double>(args.biases.at(h, j - args.step.positions[t]));
        }
        row.push_back(score);
        keys.push_back(j);
      }
      constexpr double kNone = -std::numeric_limits<double>::infinity();
      softmax_reference(row, args.sinks == nullptr ? kNone : static_cast<double>(args.sinks[h]));
      for (std::int64_t d = 0; d < cache.value_dim(); ++d) {
        double sum = 0;
        for (std::size_t i = 0; i < row.size(); ++i) {
          sum += row[i] * cached_value(cache, cache.values(), block_table, keys[i], h / group, d);
        }
        out.push_back(sum);
      }
    }
  }
  return out;
}

}  // namespace hearth
