// Attention with its projections: queries, keys and values from the input, rotated, written to the cache, and what the
// heads see projected back. A layer may see the keys and values of another, and make queries alone.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "model/blocks/attention_in_steps.h"

namespace hearth {

// What the layers of a model share while they are built.
struct LayerParts {
  Binder& binder;
  const ModelSpec& spec;
  std::span<const Planned<const float>> rope_tables;  // one for each ModelSpec::ropes
  AttentionMode attention = AttentionMode::kFused;
};

class Attention {
 public:
  // `input`: the form of what run() is given.
  Attention(const LayerParts& parts, std::int64_t layer, Format input);
  // out [tokens, width] = attention(input).
  void run(const StepContext& context, const Activations& input, const LayerMemory& memory, float* out) const;

 private:
  bool rope_normalizes() const;
  void normalize(const StepContext& context) const;
  // Of a token's queries, keys and values, and gates where there are some.
  std::int64_t row_width() const {
    constexpr std::int64_t kAlignment = 4;  // of rows, in elements
    const std::int64_t width = spec_.q_width() + 2 * spec_.kv_width() + spec_.gate_width();
    return (width + kAlignment - 1) / kAlignment * kAlignment;
  }
  void cut_values(const StepContext& context) const;
  void apply_gate(const StepContext& context, const float* gate) const;
  void rotate_and_write(const StepContext& context, const PagedKv& cache) const;

  AttentionSpec spec_;
  std::int64_t width_;
  Format handed_on_;
  const MatmulConversions& conversions_;
  std::vector<Linear> projections_;  // q, k and v, or one that holds all
  std::optional<Norm> q_norm_, k_norm_, v_norm_, seen_norm_;
  Planned<const float> sinks_;   // [heads], or nothing
  Planned<const float> slopes_;  // likewise
  Planned<const float> biases_;  // [heads, distances], or nothing
  Linear output_;
  RopeSpec rope_spec_;
  Planned<const float> rope_table_;
  Kernel<ClampArgs> clamp_;
  Kernel<RopeArgs> rope_;
  Kernel<KvWriteArgs> kv_write_;
  Kernel<AttentionArgs> attention_;        // fused, or
  std::optional<AttentionInSteps> steps_;  // this instead
  Kernel<GatedRmsNormArgs> gate_;          // without a norm
  Planned<float> qkv_;                     // [tokens, row_width()]
  Kernel<SplitRowsArgs> split_rows_;       // where values are shorter than keys
  Planned<float> seen_;                    // [tokens, q_width], before it is gated, cut or normalized
  Planned<void> attended_;                 // [tokens, q_width]
  Planned<void> workspace_;
  std::int64_t workspace_bytes_ = 0;
};

}  // namespace hearth
