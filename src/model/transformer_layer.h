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
  // Work space, all [tokens, …]:
  float* x;         // [width]: the residual stream
  float* normed;    // [width]
  float* qkv;       // [q_width + 2 kv_width]
  float* attended;  // [q_width]
  float* gate;      // [ff_width]; unused without gating
  float* up;        // [ff_width]
  float* delta;     // [width]
};

class Attention {
 public:
  Attention(Binder& binder, const ModelSpec& spec, std::int64_t layer);
  void locate(const std::byte* weight_buffer);
  // context.delta = attention(norm(context.x))
  void run(StepContext& context, const PagedKv& cache) const;
  void collect_linears(std::vector<const Linear*>& out) const;

 private:
  void project(StepContext& context) const;

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
  // context.delta = mlp(norm(context.x))
  void run(StepContext& context) const;
  void collect_linears(std::vector<const Linear*>& out) const;

 private:
  const ModelSpec& spec_;
  Norm norm_;
  std::optional<Linear> gate_;
  Linear up_, down_;
  Kernel<ActivationArgs> activation_;
  Kernel<GatedActivationArgs> gated_activation_;
};

class TransformerLayer {
 public:
  TransformerLayer(Binder& binder, const ModelSpec& spec, std::int64_t layer);
  void locate(const std::byte* weight_buffer);
  void run(StepContext& context, const PagedKv& cache) const;
  void collect_linears(std::vector<const Linear*>& out) const;

 private:
  const ModelSpec& spec_;
  Attention attention_;
  Mlp mlp_;
  Kernel<ResidualAddArgs> residual_add_;
};

}  // namespace hearth
