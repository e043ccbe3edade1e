#include "model/blocks/mlp.h"

#include <fmt/format.h>

namespace hearth {
namespace {

Linear::Options ff_options(const ModelSpec& spec) {
  return {.transposed = spec.transposed_linears,
          .scale = spec.ff_scales ? FileScale::kProductAndBias : FileScale::kNone};
}

// One matrix where the file has gate and up in one, gate first.
std::vector<Linear> bind_gate_up(Binder& binder, const ModelSpec& spec, const MlpSpec& mlp, std::int64_t layer,
                                 Format input, const MlpWeights& weights) {
  Linear::Options options = ff_options(spec);
  options.input = input;
  const std::string gate = binder.name(weights.gate, layer);
  const std::string fused = weights.gate_up ? binder.name(*weights.gate_up, layer) : "";
  const bool is_fused = mlp.gated && !fused.empty() && binder.find(gate + ".weight") == nullptr &&
                        binder.find(fused + ".weight") != nullptr;
  if (is_fused) {
    std::vector<Linear> result;
    result.emplace_back(binder, fused, spec.width, 2 * mlp.width, options);
    return result;
  }
  std::vector<Linear::Part> parts;
  if (mlp.gated) {
    parts.push_back({gate, mlp.width});
    parts.back().factor = mlp.gate_factor;
  }
  parts.push_back({binder.name(weights.up, layer), mlp.width});
  return Linear::bind_side_by_side(binder, parts, spec.width, options);
}

Linear bind_down(Binder& binder, const ModelSpec& spec, const MlpSpec& mlp, std::int64_t layer, Weight weight) {
  Linear::Options options = ff_options(spec);
  options.factor = mlp.down_factor * spec.layers[static_cast<std::size_t>(layer)].residual_scale;
  return Linear(binder, binder.name(weight, layer), mlp.width, spec.width, options);
}

}  // namespace

Mlp::Mlp(Binder& binder, const ModelSpec& spec, const MlpSpec& mlp, std::int64_t layer, Format input,
         const MlpWeights& weights)
    : spec_(mlp),
      width_(spec.width),
      handed_on_(binder.kernels().activation_format),
      conversions_(binder.conversions()),
      gate_up_(bind_gate_up(binder, spec, mlp, layer, input, weights)),
      down_(bind_down(binder, spec, mlp, layer, weights.down)) {
  const std::string name = fmt::format("layer {} activation", layer);
  if (spec_.gated) {
    gated_activation_ = binder.kernel(binder.kernels().gated_activation, name);
  } else {
    activation_ = binder.kernel(binder.kernels().activation, name);
  }
  if (spec_.cutoff) cutoff_ = binder.kernel(binder.kernels().gate_cutoff, fmt::format("layer {} gate_cutoff", layer));
  const std::int64_t tokens = binder.limits().tokens_max;
  gate_up_rows_ = binder.work_space().area<float>(
      "gate and up", tokens * (spec_.gated ? 2 : 1) * spec_.width * std::int64_t{sizeof(float)});
  if (spec_.norm_of_hidden) {
    hidden_norm_.emplace(binder, binder.name(Weight::kFfHiddenNorm, layer), spec_.width, spec.norm);
    plain_hidden_ =
        binder.work_space().area<float>("hidden, as it is", tokens * spec_.width * std::int64_t{sizeof(float)});
  }
  hidden_ = binder.work_space().area<void>("hidden", format_bytes(handed_on_, tokens * spec_.width));
}

void Mlp::run(const StepContext& c, const Activations& input, float* out) const {
  const std::int64_t tokens = c.step.token_count, ff = spec_.width;
  float* const rows = gate_up_rows_.get();
  MatmulInput x(c.stream, conversions_, input.data, input.format, tokens, width_);
  run_side_by_side(gate_up_, c.stream, x, tokens, rows, spec_.gated ? 2 * ff : ff);
  if (cutoff_) cutoff_(c.stream, {rows, tokens, ff, spec_.gated ? 2 * ff : ff, *spec_.cutoff});
  void* const made = hidden_norm_ ? plain_hidden_.get() : hidden_.get();
  const Format format = hidden_norm_ ? Format::kF32 : handed_on_;
  if (spec_.gated) {
    gated_activation_(c.stream, {spec_.activation, rows, rows + ff, tokens, ff, 2 * ff, made, format, {}, spec_.xielu});
  } else {
    activation_(c.stream, {spec_.activation, rows, tokens * ff, made, format, spec_.xielu});
  }
  if (hidden_norm_) hidden_norm_->run(c.stream, plain_hidden_.get(), tokens, nullptr, hidden_.get(), handed_on_);
  MatmulInput hidden(c.stream, conversions_, hidden_.get(), handed_on_, tokens, ff);
  down_.run(c.stream, hidden, tokens, out, width_);
}

}  // namespace hearth
