// One layer of a decoder: attention and feed-forward, each behind a norm and added to the residual stream.
#pragma once

#include <optional>
#include <vector>

#include "model/attention_in_steps.h"

namespace hearth {

class Attention {
 public:
  Attention(Binder& binder, const ModelSpec& spec, std::int64_t layer, AttentionMode mode);
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
  Kernel<AttentionArgs> attention_;        // fused, or
  std::optional<AttentionInSteps> steps_;  // this instead
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
  TransformerLayer(Binder& binder, const ModelSpec& spec, std::int64_t layer, AttentionMode attention);
  void locate(const std::byte* weight_buffer);
  // Leaves in context.delta what is still to be added to context.x; `add_delta`: so did the layer before.
  void run(StepContext& context, const PagedKv& cache, bool add_delta) const;
  void collect_linears(std::vector<const Linear*>& out) const;

 private:
  Attention attention_;
  Mlp mlp_;
};

}  // namespace hearth
