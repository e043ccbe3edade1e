// One layer of a decoder: attention and feed-forward, each behind a norm and added to the residual stream.
#pragma once

#include <optional>
#include <vector>

#include "kv/paged_kv_cache.h"
#include "model/linear.h"

namespace hearth {

// What a step has at hand while it goes through the layers.
struct StepContext {
  Stream& stream;
  StepView step;
  std::vector<const float*> rope_tables;  // one for each ModelSpec::ropes
  MatmulInput::Conversions conversions;
  Format activation_format;  // of what one operator hands to a matmul: normed, attended and hidden
  void* attention_workspace;
  std::int64_t attention_workspace_bytes;
  // Work space, all [tokens, …]:
  float* x;        // [width]: the residual stream
  float* delta;    // [width]: what the last block adds to it; the norm that follows does
  void* normed;    // [width]
  float* qkv;      // [q_width + 2 kv_width]
  void* attended;  // [q_width]
  float* gate_up;  // [2 ff_width], or without gating [ff_width]
  void* hidden;    // [ff_width]
};

class Attention {
 public:
  Attention(Binder& binder, const ModelSpec& spec, std::int64_t layer);
  void locate(const std::byte* weight_buffer);
  // context.delta = attention(norm(context.x)); with `add_delta`, context.x += context.delta comes first.
  void run(StepContext& context, const PagedKv& cache, bool add_delta) const;
  void collect_linears(std::vector<const Linear*>& out) const;

 private:
  const ModelSpec& spec_;
  LayerSpec layer_;
  Norm norm_;
  std::vector<Linear> projections_;  // q, k and v, or one that holds all
  std::optional<Norm> q_norm_, k_norm_;
  Linear output_;
  Kernel<RopeArgs> rope_;
  Kernel<KvWriteArgs> kv_write_;
  Kernel<AttentionArgs> attention_;
};

class Mlp {
 public:
  Mlp(Binder& binder, const ModelSpec& spec, std::int64_t layer);
  void locate(const std::byte* weight_buffer);
  // context.delta = mlp(norm(context.x += context.delta))
  void run(StepContext& context) const;
  void collect_linears(std::vector<const Linear*>& out) const;

 private:
  const ModelSpec& spec_;
  Norm norm_;
  std::vector<Linear> gate_up_;  // gate and up, or one that holds both, or up alone
  Linear down_;
  Kernel<ActivationArgs> activation_;
  Kernel<GatedActivationArgs> gated_activation_;
};

class TransformerLayer {
 public:
  TransformerLayer(Binder& binder, const ModelSpec& spec, std::int64_t layer);
  void locate(const std::byte* weight_buffer);
  // Leaves in context.delta what is still to be added to context.x; `add_delta`: so did the layer before.
  void run(StepContext& context, const PagedKv& cache, bool add_delta) const;
  void collect_linears(std::vector<const Linear*>& out) const;

 private:
  Attention attention_;
  Mlp mlp_;
};

}  // namespace hearth
