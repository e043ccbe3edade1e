// Latent attention (DeepSeek-V2, 2024) in its absorbed form: the cache holds one row for each token, its latent and its
// rotated key, which all heads share. A head's query is brought to the latents by its part of k_b, and what the head
// sees of them to its values by its part of v_b: products with a matrix of each head's own, those of experts that
// every token chooses.
#pragma once

#include <optional>

#include "model/blocks/attention.h"
#include "model/blocks/experts.h"

namespace hearth {

class LatentAttention {
 public:
  // `input`: the form of what run() is given.
  LatentAttention(const LayerParts& parts, std::int64_t layer, Format input);
  // out [tokens, width] = attention(input).
  void run(const StepContext& context, const Activations& input, const LayerMemory& memory, float* out) const;

 private:
  void plan_memory(Binder& binder);
  void run_queries(const StepContext& context, MatmulInput& x) const;
  void run_keys(const StepContext& context, MatmulInput& x, const PagedKv& cache) const;
  void rotate(const StepContext& context, float* x, std::int64_t head_count, std::int64_t row) const;
  ExpertGroups heads_of(const StepContext& context) const;

  AttentionSpec spec_;
  LatentSpec latent_;
  std::int64_t width_;
  Format handed_on_;
  const MatmulConversions& conversions_;
  std::optional<Linear> q_a_;  // with q_norm_, where queries have a rank
  std::optional<Norm> q_norm_;
  Linear q_;  // from that rank, or from the input
  Linear kv_a_;
  Norm kv_norm_;
  ExpertLinear k_b_, v_b_;
  Linear output_;
  RopeSpec rope_spec_;
  Planned<const float> rope_table_;
  Planned<const std::int32_t> heads_;  // [tokens, heads]: the number of each
  Kernel<SplitRowsArgs> split_rows_;
  Kernel<RopeArgs> rope_;
  Kernel<KvWriteArgs> kv_write_;
  Kernel<GroupExpertsArgs> group_;
  Kernel<AttentionArgs> attention_;              // fused, or
  std::optional<AttentionInSteps> steps_;        // this instead
  Planned<float> low_q_;                         // [tokens, q_rank]
  Planned<void> normed_q_;                       // likewise
  Planned<float> q_rows_;                        // [tokens, heads, key_dim + rope_dim]
  Planned<float> q_keys_;                        // [tokens, heads, key_dim]
  Planned<float> kv_rows_;                       // [tokens, rank + rope_dim]
  Planned<float> queries_;                       // [tokens, heads, rank + rope_dim]
  Planned<void> seen_;                           // [tokens, heads, rank]
  Planned<float> values_;                        // [tokens, heads, value_dim]
  Planned<std::int32_t> begin_, slots_, tiles_;  // ExpertGroups
};

}  // namespace hearth
