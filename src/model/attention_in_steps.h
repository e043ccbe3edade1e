// Attention as separate operators over a matrix of scores, one sequence of a step after another: a path for debugging,
// and what the fused kernel is checked against in whole models. Slow, with memory of heads x tokens x keys, and
// launched from what the host knows of each step, so never recorded.
#pragma once

#include <cstdint>

#include "model/step_context.h"

namespace hearth {

enum class AttentionMode : std::uint8_t { kFused, kSteps };

class AttentionInSteps {
 public:
  AttentionInSteps(Binder& binder, const ModelSpec& spec, std::int64_t layer);
  // context.attended = attention of q [tokens, heads, head_dim], rows `q_stride` elements apart, over the layer's
  // cache.
  void run(StepContext& context, const float* q, std::int64_t q_stride, const PagedKv& cache) const;

  // Elements of StepContext::scores for steps of up to `tokens_max` tokens over up to `keys_max` keys.
  static std::int64_t score_count(const ModelSpec& spec, std::int64_t tokens_max, std::int64_t keys_max);

 private:
  const ModelSpec& spec_;
  LayerSpec layer_;
  Kernel<AttentionScoresArgs> scores_;
  Kernel<AttentionScaleArgs> scale_;
  Kernel<AttentionMaskArgs> mask_;
  Kernel<SoftmaxArgs> softmax_;
  Kernel<AttentionWeightedSumArgs> weighted_sum_;
  Kernel<RoundBf16Args> round_bf16_;  // where a matmul's input is bf16 itself
};

}  // namespace hearth
