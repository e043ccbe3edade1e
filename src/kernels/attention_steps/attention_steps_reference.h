// Each step of attention on its own, in double precision. Scale and softmax stand in attention_reference.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <vector>

#include "kernels/attention/attention_reference.h"
#include "kernels/attention_steps/attention_steps.h"

namespace hearth {

// [heads, tokens, keys]
inline std::vector<double> attention_scores_reference(const AttentionScoresArgs& args) {
  const PagedKv& cache = args.cache;
  const std::int64_t group = args.head_count / cache.kv_heads;
  std::vector<double> scores;
  for (std::int64_t h = 0; h < args.head_count; ++h) {
    for (std::int64_t t = 0; t < args.step.token_count; ++t) {
      for (std::int64_t j = 0; j < args.step.key_counts[0]; ++j) {
        double dot = 0;
        for (std::int64_t d = 0; d < cache.head_dim; ++d) {
          dot += static_cast<double>(args.q[t * args.q_stride + h * cache.head_dim + d]) *
                 cached_value(cache, cache.k, args.step.block_tables, j, h / group, d);
        }
        scores.push_back(dot);
      }
    }
  }
  return scores;
}

// [heads, tokens, keys], of the scores before the step
inline std::vector<double> attention_mask_reference(const AttentionMaskArgs& args) {
  std::vector<double> masked;
  for (std::int64_t h = 0; h < args.head_count; ++h) {
    for (std::int64_t t = 0; t < args.step.token_count; ++t) {
      for (std::int64_t j = 0; j < args.step.key_counts[0]; ++j) {
        double score = static_cast<double>(args.scores[masked.size()]);
        if (args.slopes != nullptr) {
          const std::int64_t position = args.step.positions[t];
          score -= static_cast<double>(args.slopes[h]) * static_cast<double>(std::abs(j - position));
        }
        if (args.biases.of_heads != nullptr) {
          score += static_cast<double>(args.biases.at(h, j - args.step.positions[t]));
        }
        masked.push_back(is_visible(args.mask, args.step, 0, t, j) ? score : -std::numeric_limits<double>::infinity());
      }
    }
  }
  return masked;
}

// [tokens, heads, value_dim]
inline std::vector<double> attention_weighted_sum_reference(const AttentionWeightedSumArgs& args) {
  const PagedKv& cache = args.cache;
  const std::int64_t group = args.head_count / cache.kv_heads, keys = args.step.key_counts[0];
  std::vector<double> out;
  for (std::int64_t t = 0; t < args.step.token_count; ++t) {
    for (std::int64_t h = 0; h < args.head_count; ++h) {
      const float* probabilities = args.probabilities + (h * args.step.token_count + t) * keys;
      for (std::int64_t d = 0; d < cache.value_dim(); ++d) {
        double sum = 0;
        for (std::int64_t j = 0; j < keys; ++j) {
          sum += static_cast<double>(probabilities[j]) *
                 cached_value(cache, cache.values(), args.step.block_tables, j, h / group, d);
        }
        out.push_back(sum);
      }
    }
  }
  return out;
}

}  // namespace hearth
