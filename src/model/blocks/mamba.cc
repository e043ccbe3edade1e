#include "model/blocks/mamba.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace hearth {
namespace {

// The gate comes first in a row, whatever the file's order. Sections with factors of their own are matrices of their
// own.
std::vector<Linear> bind_mamba_projections(const LayerParts& parts, const MambaSpec& spec, std::int64_t layer,
                                           Format input) {
  Binder& binder = parts.binder;
  const std::string name = binder.name(Weight::kRecurrenceInput, layer);
  const std::int64_t inner = spec.inner(), steps = spec.dt_rank > 0 ? 0 : spec.heads;
  const std::int64_t rows = inner + spec.conv_width() + steps, bc = spec.groups * spec.state;
  std::vector<Linear::Part> pieces;
  if (spec.dt_rank > 0) {
    pieces.push_back(Linear::rows_of(name, inner, 2 * inner, rows));
    pieces.push_back(Linear::rows_of(name, 0, inner, rows));
  } else if (std::ranges::all_of(spec.factors, [](float factor) { return factor == 1; })) {
    pieces.push_back({name, rows});
  } else {
    const std::int64_t sizes[]{inner, inner, bc, bc, steps};
    std::int64_t begin = 0;
    for (std::size_t i = 0; i < std::size(sizes); begin += sizes[i++]) {
      pieces.push_back(Linear::rows_of(name, begin, begin + sizes[i], rows, spec.factors[i]));
    }
  }
  return Linear::bind_side_by_side(binder, pieces, parts.spec.width,
                                   {.input_factor = spec.input_factor, .input = input});
}

std::int64_t padded_row(const MambaSpec& spec) {
  return (spec.inner() + spec.conv_width() + (spec.dt_rank > 0 ? 0 : spec.heads) + 3) / 4 * 4;
}

}  // namespace

Mamba::Mamba(const LayerParts& parts, const MambaSpec& spec, std::int64_t layer, Format input)
    : spec_(spec),
      width_(parts.spec.width),
      row_(padded_row(spec)),
      handed_on_(parts.binder.kernels().activation_format),
      conversions_(parts.binder.conversions()),
      projections_(bind_mamba_projections(parts, spec, layer, input)),
      convolution_(parts.binder, std::array{parts.binder.name(Weight::kRecurrenceConv, layer)},
                   std::array{spec.conv_width()}, spec.kernel, layer),
      rate_(bind_decay_rates(parts.binder, parts.binder.name(Weight::kRecurrenceRate, layer),
                             spec.heads * (spec.dt_rank > 0 ? spec.state : 1))),
      skip_(bind_flat_floats(parts.binder, parts.binder.name(Weight::kRecurrenceSkip, layer), spec.heads, true)),
      epsilon_(parts.spec.norm.epsilon),
      output_(parts.binder, parts.binder.name(Weight::kRecurrenceOutput, layer), spec.inner(), width_,
              {.factor = spec.output_factor * parts.spec.layers[static_cast<std::size_t>(layer)].residual_scale}) {
  Binder& binder = parts.binder;
  const auto name = [&](std::string_view op) { return fmt::format("layer {} {}", layer, op); };
  scan_ = binder.kernel(binder.kernels().selective_scan, name("selective_scan"));
  const std::string norm = binder.name(Weight::kRecurrenceNorm, layer) + ".weight";
  if (spec_.norm == MambaNorm::kIfInFile) {
    spec_.norm = binder.find(norm) == nullptr ? MambaNorm::kNone : MambaNorm::kGateFirst;
  }
  if (spec_.norm != MambaNorm::kNone) norm_ = bind_flat_floats(binder, norm, spec_.inner(), true);
  gated_norm_ = binder.kernel(binder.kernels().gated_rms_norm, name("gated_rms_norm"));
  const std::int64_t tokens = binder.limits().tokens_max;
  const auto floats = [&](std::string_view area, std::int64_t width) {
    return binder.work_space().area<float>(area, tokens * width * std::int64_t{sizeof(float)});
  };
  projected_ = floats("recurrence projections", row_);
  convolved_ = floats("recurrence inputs", spec_.conv_width());
  scanned_ = floats("recurrence outputs", spec_.inner());
  gated_ = binder.work_space().area<void>("recurrence gated", format_bytes(handed_on_, tokens * spec_.inner()));
  bind_step(parts, layer);
}

void Mamba::bind_step(const LayerParts& parts, std::int64_t layer) {
  Binder& binder = parts.binder;
  if (spec_.dt_rank == 0) {
    step_bias_ = bind_flat_floats(binder, binder.name(Weight::kRecurrenceStepBias, layer), spec_.heads, true);
    return;
  }
  const std::string inputs = binder.name(Weight::kScanInputs, layer);
  const std::int64_t rows = spec_.dt_rank + 2 * spec_.state, inner = spec_.inner();
  const Linear::Options of_floats{.input = Format::kF32};
  step_inputs_.emplace_back(binder, std::array{Linear::rows_of(inputs, 0, spec_.dt_rank, rows)}, inner, of_floats);
  step_groups_.emplace_back(binder, std::array{Linear::rows_of(inputs, spec_.dt_rank, rows, rows)}, inner, of_floats);
  step_.emplace_back(binder, binder.name(Weight::kScanStep, layer), spec_.dt_rank, inner, of_floats);
  const std::int64_t tokens = binder.limits().tokens_max;
  const auto floats = [&](std::string_view area, std::int64_t width) {
    return binder.work_space().area<float>(area, tokens * width * std::int64_t{sizeof(float)});
  };
  ranks_ = floats("scan ranks", spec_.dt_rank);
  groups_ = floats("scan groups", 2 * spec_.state);
  steps_ = floats("scan steps", inner);
  if (spec_.step_norm_epsilon == 0) return;
  const NormSpec norm{.epsilon = spec_.step_norm_epsilon, .has_weights = spec_.step_norm_weights};
  const auto bind = [&](Weight weight, std::int64_t width) {
    const std::string name =
        norm.has_weights ? binder.name(weight, layer) : fmt::format("layer {} norm of steps", layer);
    step_norms_.emplace_back(binder, name, width, norm);
  };
  bind(Weight::kScanStepNorm, spec_.dt_rank);
  bind(Weight::kScanInputNorm, spec_.state);
  if (norm.has_weights) bind(Weight::kScanOutputNorm, spec_.state);
}

void Mamba::normalize_step(const StepContext& c) const {
  if (step_norms_.empty()) return;
  const std::int64_t tokens = c.step.token_count, state = spec_.state;
  const bool shared = step_norms_.size() == 2;
  step_norms_[0].run_heads(c.stream, ranks_.get(), tokens, spec_.dt_rank, 1);
  step_norms_[1].run_heads(c.stream, groups_.get(), tokens, 2 * state, shared ? 2 : 1);
  if (!shared) step_norms_[2].run_heads(c.stream, groups_.get() + state, tokens, 2 * state, 1);
}

void Mamba::run_scan(const StepContext& c, const LayerMemory& memory) const {
  const std::int64_t tokens = c.step.token_count, inner = spec_.inner();
  const float *b = convolved_.get() + inner, *dt = projected_.get() + inner + spec_.conv_width();
  std::int64_t bc_stride = spec_.conv_width(), dt_stride = row_;
  if (spec_.dt_rank > 0) {
    {
      MatmulInput x(c.stream, conversions_, convolved_.get(), Format::kF32, tokens, inner);
      step_inputs_[0].run(c.stream, x, tokens, ranks_.get(), spec_.dt_rank);
      step_groups_[0].run(c.stream, x, tokens, groups_.get(), 2 * spec_.state);
    }
    normalize_step(c);
    MatmulInput ranks(c.stream, conversions_, ranks_.get(), Format::kF32, tokens, spec_.dt_rank);
    step_[0].run(c.stream, ranks, tokens, steps_.get(), inner);
    b = groups_.get(), dt = steps_.get();
    bc_stride = 2 * spec_.state, dt_stride = inner;
  }
  scan_(c.stream, {.x = convolved_.get(),
                   .x_stride = spec_.conv_width(),
                   .b = b,
                   .c = b + spec_.groups * spec_.state,
                   .bc_stride = bc_stride,
                   .dt = dt,
                   .dt_stride = dt_stride,
                   .dt_bias = step_bias_.get(),
                   .a = rate_.get(),
                   .a_of_states = spec_.dt_rank > 0,
                   .d = skip_.get(),
                   .delta_min = spec_.delta_min,
                   .delta_max = spec_.delta_max,
                   .heads = spec_.heads,
                   .head_dim = spec_.head_dim,
                   .groups = spec_.groups,
                   .state_size = spec_.state,
                   .step = c.step,
                   .states = {memory.states.data + recurrence_offset(spec_.conv_floats()), memory.states.stride},
                   .out = scanned_.get(),
                   .out_stride = inner});
}

void Mamba::run_gate(const StepContext& c) const {
  const std::int64_t tokens = c.step.token_count, inner = spec_.inner();
  gated_norm_(c.stream, {.x = scanned_.get(),
                         .x_stride = inner,
                         .gate = projected_.get(),
                         .gate_stride = row_,
                         .row_count = tokens,
                         .group_count = spec_.norm_groups,
                         .width = inner / spec_.norm_groups,
                         .weight = norm_.get(),
                         .group_weights = true,
                         .epsilon = epsilon_,
                         .activation = NormGate::kSilu,
                         .gate_first = spec_.norm == MambaNorm::kGateFirst,
                         .out = gated_.get(),
                         .out_format = handed_on_});
}

void Mamba::run(const StepContext& c, const Activations& input, const LayerMemory& memory, float* out) const {
  const std::int64_t tokens = c.step.token_count;
  {
    MatmulInput x(c.stream, conversions_, input.data, input.format, tokens, width_);
    run_side_by_side(projections_, c.stream, x, tokens, projected_.get(), row_);
  }
  convolution_.run(c, projected_.get() + spec_.inner(), row_, memory.states, convolved_.get());
  run_scan(c, memory);
  run_gate(c);
  MatmulInput gated(c.stream, conversions_, gated_.get(), handed_on_, tokens, spec_.inner());
  output_.run(c.stream, gated, tokens, out, width_);
}

}  // namespace hearth
