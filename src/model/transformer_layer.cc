#include "model/transformer_layer.h"

#include <fmt/format.h>

namespace hearth {
namespace {

// Fused where the file has one tensor for queries, keys and values, else three that write side by side.
std::vector<Linear> bind_projections(Binder& binder, const ModelSpec& spec, std::int64_t layer) {
  std::vector<Linear> result;
  const std::string fused = binder.name(Weight::kQueryKeyValue, layer);
  if (!fused.empty() && binder.find(fused + ".weight") != nullptr) {
    const Linear::Options options{.transposed = spec.transposed_linears,
                                  .interleaved_heads = spec.interleaved_qkv_heads ? spec.head_count : 0};
    result.emplace_back(binder, fused, spec.width, spec.q_width() + 2 * spec.kv_width(), options);
    return result;
  }
  const Linear::Options options{.transposed = spec.transposed_linears};
  // A checkpoint that only knows the fused tensor is told that this one is missing.
  const auto name = [&](Weight weight) {
    const std::string own = binder.name(weight, layer);
    return own.empty() ? fused : own;
  };
  result.emplace_back(binder, name(Weight::kQuery), spec.width, spec.q_width(), options);
  result.emplace_back(binder, name(Weight::kKey), spec.width, spec.kv_width(), options);
  result.emplace_back(binder, name(Weight::kValue), spec.width, spec.kv_width(), options);
  return result;
}

std::optional<Norm> bind_head_norm(Binder& binder, const ModelSpec& spec, Weight weight, std::int64_t layer) {
  if (!spec.query_key_norm) return std::nullopt;
  return Norm(binder, binder.name(weight, layer), spec.head_dim, NormKind::kRms, spec.norm_epsilon);
}

}  // namespace

Attention::Attention(Binder& binder, const ModelSpec& spec, std::int64_t layer)
    : spec_(spec),
      layer_(spec.layers[static_cast<std::size_t>(layer)]),
      norm_(binder, binder.name(Weight::kAttentionNorm, layer), spec.width, spec.norm, spec.norm_epsilon),
      projections_(bind_projections(binder, spec, layer)),
      q_norm_(bind_head_norm(binder, spec, Weight::kQueryNorm, layer)),
      k_norm_(bind_head_norm(binder, spec, Weight::kKeyNorm, layer)),
      output_(binder, binder.name(Weight::kAttentionOutput, layer), spec.q_width(), spec.width,
              {.transposed = spec.transposed_linears}) {
  const KernelTable& kernels = binder.kernels();
  const auto name = [&](std::string_view op) { return fmt::format("layer {} {}", layer, op); };
  if (layer_.rope >= 0) rope_ = binder.kernel(kernels.rope, name("rope"));
  kv_write_ = binder.kernel(kernels.kv_write, name("kv_write"));
  attention_ = binder.kernel(kernels.attention, name("attention"));
}

void Attention::locate(const std::byte* weight_buffer) {
  norm_.locate(weight_buffer);
  for (Linear& projection : projections_) projection.locate(weight_buffer);
  if (q_norm_) q_norm_->locate(weight_buffer);
  if (k_norm_) k_norm_->locate(weight_buffer);
  output_.locate(weight_buffer);
}

void Attention::project(StepContext& c) const {
  const std::int64_t tokens = c.step.token_count;
  const std::int64_t row = spec_.q_width() + 2 * spec_.kv_width();
  MatmulInput input(c.stream, c.conversions, c.normed, tokens, spec_.width);
  const std::int64_t columns[] = {0, spec_.q_width(), spec_.q_width() + spec_.kv_width()};
  for (std::size_t i = 0; i < projections_.size(); ++i) {
    projections_[i].run(c.stream, input, tokens, c.qkv + columns[i], row);
  }
}

void Attention::run(StepContext& c, const PagedKv& cache) const {
  const std::int64_t tokens = c.step.token_count;
  const std::int64_t row = spec_.q_width() + 2 * spec_.kv_width();
  float* q = c.qkv;
  float* k = q + spec_.q_width();
  float* v = k + spec_.kv_width();

  norm_.run(c.stream, c.x, tokens, c.normed);
  project(c);
  if (q_norm_) q_norm_->run_heads(c.stream, q, tokens, row, spec_.head_count);
  if (k_norm_) k_norm_->run_heads(c.stream, k, tokens, row, spec_.kv_head_count);
  if (layer_.rope >= 0) {
    const RopeSpec& rope = spec_.ropes[static_cast<std::size_t>(layer_.rope)];
    rope_(c.stream, {c.rope_tables[static_cast<std::size_t>(layer_.rope)], tokens, rope.rotary_dim / 2, rope.pairs,
                     spec_.head_dim, spec_.head_count + spec_.kv_head_count, q, row});
  }
  kv_write_(c.stream, {k, v, row, c.step, cache});
  attention_(c.stream,
             {q, row, spec_.head_count, c.step, cache, layer_.mask, layer_.attention_scale, 0.0f, c.attended});
  MatmulInput input(c.stream, c.conversions, c.attended, tokens, spec_.q_width());
  output_.run(c.stream, input, tokens, c.delta, spec_.width);
}

void Attention::collect_linears(std::vector<const Linear*>& out) const {
  for (const Linear& projection : projections_) out.push_back(&projection);
  out.push_back(&output_);
}

namespace {

Linear bind_ff(Binder& binder, const ModelSpec& spec, Weight weight, std::int64_t layer) {
  const bool down = weight == Weight::kFfDown;
  return Linear(
      binder, binder.name(weight, layer), down ? spec.ff_width : spec.width, down ? spec.width : spec.ff_width,
      {.transposed = spec.transposed_linears, .scale = spec.ff_scales ? FileScale::kProductAndBias : FileScale::kNone});
}

}  // namespace

Mlp::Mlp(Binder& binder, const ModelSpec& spec, std::int64_t layer)
    : spec_(spec),
      norm_(binder, binder.name(Weight::kFfNorm, layer), spec.width, spec.norm, spec.norm_epsilon),
      up_(bind_ff(binder, spec, Weight::kFfUp, layer)),
      down_(bind_ff(binder, spec, Weight::kFfDown, layer)) {
  const std::string name = fmt::format("layer {} activation", layer);
  if (spec.gated) {
    gate_.emplace(bind_ff(binder, spec, Weight::kFfGate, layer));
    gated_activation_ = binder.kernel(binder.kernels().gated_activation, name);
  } else {
    activation_ = binder.kernel(binder.kernels().activation, name);
  }
}

void Mlp::locate(const std::byte* weight_buffer) {
  norm_.locate(weight_buffer);
  if (gate_) gate_->locate(weight_buffer);
  up_.locate(weight_buffer);
  down_.locate(weight_buffer);
}

void Mlp::run(StepContext& c) const {
  const std::int64_t tokens = c.step.token_count;
  norm_.run(c.stream, c.x, tokens, c.normed);
  MatmulInput input(c.stream, c.conversions, c.normed, tokens, spec_.width);
  up_.run(c.stream, input, tokens, c.up, spec_.ff_width);
  if (gate_) {
    gate_->run(c.stream, input, tokens, c.gate, spec_.ff_width);
    gated_activation_(c.stream, {spec_.activation, c.gate, c.up, tokens * spec_.ff_width, c.up});
  } else {
    activation_(c.stream, {spec_.activation, c.up, tokens * spec_.ff_width, c.up});
  }
  MatmulInput hidden(c.stream, c.conversions, c.up, tokens, spec_.ff_width);
  down_.run(c.stream, hidden, tokens, c.delta, spec_.width);
}

void Mlp::collect_linears(std::vector<const Linear*>& out) const {
  if (gate_) out.push_back(&*gate_);
  out.push_back(&up_);
  out.push_back(&down_);
}

TransformerLayer::TransformerLayer(Binder& binder, const ModelSpec& spec, std::int64_t layer)
    : spec_(spec),
      attention_(binder, spec, layer),
      mlp_(binder, spec, layer),
      residual_add_(binder.kernel(binder.kernels().residual_add, fmt::format("layer {} residual_add", layer))) {}

void TransformerLayer::locate(const std::byte* weight_buffer) {
  attention_.locate(weight_buffer);
  mlp_.locate(weight_buffer);
}

void TransformerLayer::run(StepContext& c, const PagedKv& cache) const {
  const std::int64_t elements = c.step.token_count * spec_.width;
  attention_.run(c, cache);
  residual_add_(c.stream, {c.x, c.delta, elements});
  mlp_.run(c);
  residual_add_(c.stream, {c.x, c.delta, elements});
}

void TransformerLayer::collect_linears(std::vector<const Linear*>& out) const {
  attention_.collect_linears(out);
  mlp_.collect_linears(out);
}

}  // namespace hearth
