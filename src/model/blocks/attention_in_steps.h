// Attention as separate operators over a matrix of scores, one sequence of a step after another: a path for debugging,
// and what the fused kernel is checked against in whole models. Slow, with memory of heads x tokens x keys, and
// launched from what the host knows of each step, so never recorded.
#pragma once

#include <cstdint>

#include "model/blocks/step_context.h"

namespace hearth {

enum class AttentionMode : std::uint8_t { kFused, kSteps };

class AttentionInSteps {
 public:
  // AttentionArgs' of these names.
  struct OfHeads {
    const float* sinks = nullptr;
    const float* slopes = nullptr;
    DistanceBiases biases = {};
  };
  AttentionInSteps(Binder& binder, const AttentionSpec& spec, std::int64_t layer);
  // out [tokens, out_width], of the form that the device's operators hand on = attention of q [tokens, heads,
  // head_dim], rows `q_stride` elements apart, over the layer's cache.
  void run(const StepContext& context, const float* q, std::int64_t q_stride, const PagedKv& cache,
           const OfHeads& of_heads, void* out) const;

 private:
  AttentionSpec spec_;
  Kernel<AttentionScoresArgs> scores_;
  Kernel<AttentionScaleArgs> scale_;
  Kernel<AttentionMaskArgs> mask_;
  Kernel<SoftmaxArgs> softmax_;
  Kernel<AttentionWeightedSumArgs> weighted_sum_;
  Kernel<RoundBf16Args> round_bf16_;  // where a matmul's input is bf16 itself
  Planned<float> score_rows_;         // [heads, tokens, keys] of one sequence
  Planned<float> sums_;               // [tokens, out_width]; with round_bf16_
};

}  // namespace hearth
