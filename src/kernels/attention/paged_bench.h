// What the benchmarks of the operators on the paged cache share: sequences whose keys and values stand in a cache in
// the device's memory, in scattered blocks, and a step of the last tokens of each.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <random>
#include <vector>

#include "kernels/attention/paged_kv.h"
#include "kernels/testing/roofline.h"

namespace hearth::kernel_testing {

struct PagedBenchShape {
  std::int64_t head_count, kv_heads, head_dim;
  Format format;                // of the cache
  std::int64_t sequence_count;  // all alike:
  std::int64_t context;         // keys in the cache,
  std::int64_t token_count;     // of which the last are the step's

  std::int64_t step_tokens() const { return sequence_count * token_count; }
  std::int64_t q_width() const { return head_count * head_dim; }
  std::int64_t kv_width() const { return kv_heads * head_dim; }
  // Of all keys and values.
  std::int64_t cache_bytes() const { return 2 * format_bytes(format, sequence_count * context * kv_width()); }
  // Pairs of a query and a key that it sees, causally.
  std::int64_t visible_pairs() const { return sequence_count * token_count * (2 * context - token_count + 1) / 2; }
};

class PagedBench {
 public:
  // `turn_count` caches with the same block tables.
  PagedBench(BenchmarkRunner& run, const PagedBenchShape& shape, int turn_count)
      : shape_(shape),
        v_by_dimension_(run.kernels.v_by_dimension),
        k_(random_turns(run, turn_count, shape.format, cache_elements(shape))),
        v_(random_turns(run, turn_count, shape.format, cache_elements(shape))) {
    for (std::int64_t s = 0; s < shape.sequence_count; ++s) {
      for (std::int64_t i = 0; i < shape.token_count; ++i) {
        positions_.push_back(static_cast<std::int32_t>(shape.context - shape.token_count + i));
        sequences_.push_back(static_cast<std::int32_t>(s));
      }
    }
    const auto sequence_count = static_cast<std::size_t>(shape.sequence_count);
    key_counts_.assign(sequence_count, static_cast<std::int32_t>(shape.context));
    prefix_lengths_.assign(sequence_count, 0);
    tables_.resize(sequence_count * static_cast<std::size_t>(blocks_of(shape)));
    std::iota(tables_.begin(), tables_.end(), 0);
    std::shuffle(tables_.begin(), tables_.end(), std::mt19937(2));
    view = {.token_count = shape.step_tokens(),
            .sequence_count = shape.sequence_count,
            .positions = run.in(positions_),
            .sequences = run.in(sequences_),
            .key_counts = run.in(key_counts_),
            .prefix_lengths = run.in(prefix_lengths_),
            .block_tables = run.in(tables_),
            .block_table_stride = blocks_of(shape),
            .key_count_max = shape.context};
  }
  PagedBench(const PagedBench&) = delete;
  PagedBench& operator=(const PagedBench&) = delete;

  PagedKv cache(int turn) const {
    return {k_.at(turn), v_.at(turn), shape_.format, kBlockTokens, shape_.kv_heads, shape_.head_dim, v_by_dimension_};
  }

  StepView view;

 private:
  static constexpr std::int64_t kBlockTokens = 32;
  // Of one sequence.
  static std::int64_t blocks_of(const PagedBenchShape& shape) {
    return (shape.context + kBlockTokens - 1) / kBlockTokens;
  }
  static std::int64_t cache_elements(const PagedBenchShape& shape) {
    return shape.sequence_count * blocks_of(shape) * kBlockTokens * shape.kv_width();
  }

  PagedBenchShape shape_;
  bool v_by_dimension_;
  Turns k_, v_;
  std::vector<std::int32_t> positions_, sequences_, key_counts_, prefix_lengths_, tables_;
};

}  // namespace hearth::kernel_testing
