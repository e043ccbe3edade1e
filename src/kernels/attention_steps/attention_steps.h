// Attention as separate steps over a matrix of scores: a debugging path, and what the fused kernel is checked against.
// The steps work on one sequence whose keys stand in the paged cache: the only one of the StepView that they are given
// (one_sequence() takes it out of a step of many). They read no StepView::sequences.
#pragma once

#include <cstdint>

#include "kernels/attention/distance_biases.h"
#include "kernels/attention/mask.h"
#include "kernels/attention/paged_kv.h"

namespace hearth {

// Where a sequence of a step is, as the host knows it.
struct SequencePart {
  std::int64_t first_token = 0;
  std::int64_t token_count = 0;
  std::int64_t key_count = 0;  // of the sequence, this step's included
};

// The step that has sequence `index` of `step` alone: its tokens are [part.first_token, … + part.token_count).
inline StepView one_sequence(const StepView& step, std::int64_t index, const SequencePart& part) {
  StepView view = step;
  view.token_count = part.token_count;
  view.sequence_count = 1;
  view.positions += part.first_token;
  view.sequences = nullptr;
  view.key_counts += index;
  if (view.prefix_lengths != nullptr) view.prefix_lengths += index;
  view.block_tables = block_table_of(step, index);
  view.key_count_max = part.key_count;
  return view;
}

// scores[h][t][j] = q[t][h] . k[j][h / (heads / kv_heads)] for every key j of the sequence
struct AttentionScoresArgs {
  const float* q;  // [tokens, heads, head_dim], rows `q_stride` elements apart
  std::int64_t q_stride;
  std::int64_t head_count;
  StepView step;
  PagedKv cache;
  float* scores;  // [heads, tokens, keys]
};

// x[i] = cap(scale * x[i]), cap as in attention.h
struct AttentionScaleArgs {
  float* x;  // [elements], in place
  std::int64_t element_count;
  float scale;
  float softcap;
};

// scores[h][t][j] = -infinity where token t may not see key j, and else less by slopes[h] * |j - position of t|, or
// more by the bias of j - position of t
struct AttentionMaskArgs {
  float* scores;  // [heads, tokens, keys], in place
  std::int64_t head_count;
  StepView step;
  Mask mask;
  const float* slopes = nullptr;  // [heads], or null: none
  DistanceBiases biases = {};
};

// Each row becomes its softmax; a row of nothing but -infinity becomes zeros.
struct SoftmaxArgs {
  float* x;  // [rows, width], in place
  std::int64_t row_count;
  std::int64_t width;
  // Or null: the exponential of one for every `sink_rows` rows is part of their sum.
  const float* sinks = nullptr;  // [rows / sink_rows]
  std::int64_t sink_rows = 1;
};

// out[t][h][:] = sum_j probabilities[h][t][j] * v[j][h / (heads / kv_heads)][:]
struct AttentionWeightedSumArgs {
  const float* probabilities;  // [heads, tokens, keys]
  std::int64_t head_count;
  StepView step;
  PagedKv cache;
  float* out;  // [tokens, heads, value_dim]
};

}  // namespace hearth
