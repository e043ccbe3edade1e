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
  // A checkpoint that only knows the fused tensor is told that this one is missing.
  const auto name = [&](Weight weight) {
    const std::string own = binder.name(weight, layer);
    return own.empty() ? fused : own;
  };
  const Linear::Part parts[]{{name(Weight::kQuery), spec.q_width()},
                             {name(Weight::kKey), spec.kv_width()},
                             {name(Weight::kValue), spec.kv_width()}};
  return Linear::bind_side_by_side(binder, parts, spec.width, {.transposed = spec.transposed_linears});
}

std::optional<Norm> bind_head_norm(Binder& binder, const ModelSpec& spec, Weight weight, std::int64_t layer) {
  if (!spec.query_key_norm) return std::nullopt;
  return Norm(binder, binder.name(weight, layer), spec.head_dim, NormKind::kRms, spec.norm_epsilon);
}

}  // namespace

Attention::Attention(Binder& binder, const ModelSpec& spec, std::int64_t layer, AttentionMode mode)
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
  // The rotation writes to the cache as well.
  if (layer_.rope >= 0) {
    rope_ = binder.kernel(kernels.rope, name("rope"));
  } else {
    kv_write_ = binder.kernel(kernels.kv_write, name("kv_write"));
  }
  if (mode == AttentionMode::kSteps) {
    steps_.emplace(binder, spec, layer);
  } else {
    attention_ = binder.kernel(kernels.attention, name("attention"));
  }
}

void Attention::locate(const std::byte* weight_buffer) {
  norm_.locate(weight_buffer);
  for (Linear& projection : projections_) projection.locate(weight_buffer);
  if (q_norm_) q_norm_->locate(weight_buffer);
  if (k_norm_) k_norm_->locate(weight_buffer);
  output_.locate(weight_buffer);
}

void Attention::run(StepContext& c, const PagedKv& cache, bool add_delta) const {
  const std::int64_t tokens = c.step.token_count;
  const std::int64_t row = spec_.q_width() + 2 * spec_.kv_width();
  float* q = c.qkv;
  float* k = q + spec_.q_width();
  float* v = k + spec_.kv_width();

  norm_.run(c.stream, add_delta ? c.delta : c.x, tokens, add_delta ? c.x : nullptr, c.normed, c.activation_format);
  MatmulInput normed(c.stream, c.conversions, c.normed, c.activation_format, tokens, spec_.width);
  run_side_by_side(projections_, c.stream, normed, tokens, c.qkv, row);
  if (q_norm_) q_norm_->run_heads(c.stream, q, tokens, row, spec_.head_count);
  if (k_norm_) k_norm_->run_heads(c.stream, k, tokens, row, spec_.kv_head_count);
  if (layer_.rope >= 0) {
    const RopeSpec& rope = spec_.ropes[static_cast<std::size_t>(layer_.rope)];
    rope_(c.stream,
          {c.rope_tables[static_cast<std::size_t>(layer_.rope)], c.step.positions, tokens, rope.rotary_dim / 2,
           rope.pairs, spec_.head_dim, spec_.head_count, spec_.kv_head_count, q, row, c.step, cache});
  } else {
    kv_write_(c.stream, {k, v, row, c.step, cache});
  }
  if (steps_) {
    steps_->run(c, q, row, cache);
  } else {
    attention_(c.stream, {q, row, spec_.head_count, c.step, cache, layer_.mask, layer_.attention_scale, 0.0f,
                          c.attended, c.activation_format, c.attention_workspace, c.attention_workspace_bytes});
  }
  MatmulInput attended(c.stream, c.conversions, c.attended, c.activation_format, tokens, spec_.q_width());
  output_.run(c.stream, attended, tokens, c.delta, spec_.width);
}

void Attention::collect_linears(std::vector<const Linear*>& out) const {
  for (const Linear& projection : projections_) out.push_back(&projection);
  out.push_back(&output_);
}

namespace {

Linear::Options ff_options(const ModelSpec& spec) {
  return {.transposed = spec.transposed_linears,
          .scale = spec.ff_scales ? FileScale::kProductAndBias : FileScale::kNone};
}

std::vector<Linear> bind_gate_up(Binder& binder, const ModelSpec& spec, std::int64_t layer) {
  std::vector<Linear::Part> parts;
  if (spec.gated) parts.push_back({binder.name(Weight::kFfGate, layer), spec.ff_width});
  parts.push_back({binder.name(Weight::kFfUp, layer), spec.ff_width});
  return Linear::bind_side_by_side(binder, parts, spec.width, ff_options(spec));
}

}  // namespace

Mlp::Mlp(Binder& binder, const ModelSpec& spec, std::int64_t layer)
    : spec_(spec),
      norm_(binder, binder.name(Weight::kFfNorm, layer), spec.width, spec.norm, spec.norm_epsilon),
      gate_up_(bind_gate_up(binder, spec, layer)),
      down_(binder, binder.name(Weight::kFfDown, layer), spec.ff_width, spec.width, ff_options(spec)) {
  const std::string name = fmt::format("layer {} activation", layer);
  if (spec.gated) {
    gated_activation_ = binder.kernel(binder.kernels().gated_activation, name);
  } else {
    activation_ = binder.kernel(binder.kernels().activation, name);
  }
}

void Mlp::locate(const std::byte* weight_buffer) {
  norm_.locate(weight_buffer);
  for (Linear& linear : gate_up_) linear.locate(weight_buffer);
  down_.locate(weight_buffer);
}

void Mlp::run(StepContext& c) const {
  const std::int64_t tokens = c.step.token_count, ff = spec_.ff_width;
  norm_.run(c.stream, c.delta, tokens, c.x, c.normed, c.activation_format);
  MatmulInput normed(c.stream, c.conversions, c.normed, c.activation_format, tokens, spec_.width);
  run_side_by_side(gate_up_, c.stream, normed, tokens, c.gate_up, spec_.gated ? 2 * ff : ff);
  if (spec_.gated) {
    gated_activation_(c.stream,
                      {spec_.activation, c.gate_up, c.gate_up + ff, tokens, ff, 2 * ff, c.hidden, c.activation_format});
  } else {
    activation_(c.stream, {spec_.activation, c.gate_up, tokens * ff, c.hidden, c.activation_format});
  }
  MatmulInput hidden(c.stream, c.conversions, c.hidden, c.activation_format, tokens, ff);
  down_.run(c.stream, hidden, tokens, c.delta, spec_.width);
}

void Mlp::collect_linears(std::vector<const Linear*>& out) const {
  for (const Linear& linear : gate_up_) out.push_back(&linear);
  out.push_back(&down_);
}

TransformerLayer::TransformerLayer(Binder& binder, const ModelSpec& spec, std::int64_t layer, AttentionMode attention)
    : attention_(binder, spec, layer, attention), mlp_(binder, spec, layer) {}

void TransformerLayer::locate(const std::byte* weight_buffer) {
  attention_.locate(weight_buffer);
  mlp_.locate(weight_buffer);
}

void TransformerLayer::run(StepContext& c, const PagedKv& cache, bool add_delta) const {
  attention_.run(c, cache, add_delta);
  mlp_.run(c);
}

void TransformerLayer::collect_linears(std::vector<const Linear*>& out) const {
  attention_.collect_linears(out);
  mlp_.collect_linears(out);
}

}  // namespace hearth
