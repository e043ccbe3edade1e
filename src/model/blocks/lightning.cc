#include "model/blocks/lightning.h"

#include <fmt/format.h>

#include <algorithm>

namespace hearth {
namespace {

// All queries, all keys, all values, of a matrix that has the three head by head.
Linear bind_lightning_qkv(const LayerParts& parts, const LightningSpec& spec, std::int64_t layer, Format input) {
  Linear::Part part{parts.binder.name(Weight::kQueryKeyValue, layer), 3 * spec.inner()};
  part.file_rows = part.out;
  for (std::int64_t kind = 0; kind < 3; ++kind) {
    for (std::int64_t head = 0; head < spec.heads; ++head) {
      for (std::int64_t i = 0; i < spec.head_dim; ++i) part.rows.push_back((3 * head + kind) * spec.head_dim + i);
    }
  }
  return Linear(parts.binder, std::array{part}, parts.spec.width, {.input = input});
}

Planned<const float> bind_head_floats(Binder& binder, const std::vector<float>& values) {
  const auto fill = [values](std::byte* to) { std::ranges::copy(values, reinterpret_cast<float*>(to)); };
  return binder.reserve(std::ssize(values) * std::int64_t{sizeof(float)}, fill).as<const float>();
}

}  // namespace

Lightning::Lightning(const LayerParts& parts, const LightningSpec& spec, std::int64_t layer, Format input)
    : spec_(spec),
      width_(parts.spec.width),
      handed_on_(parts.binder.kernels().activation_format),
      conversions_(parts.binder.conversions()),
      qkv_(bind_lightning_qkv(parts, spec, layer, input)),
      gate_(parts.binder, parts.binder.name(Weight::kAttentionGate, layer), width_, spec.inner(), {.input = input}),
      output_(parts.binder, parts.binder.name(Weight::kRecurrenceOutput, layer), spec.inner(), width_,
              {.factor = spec.output_factor}),
      rates_(bind_head_floats(parts.binder, spec.rates)),
      steps_(bind_head_floats(parts.binder, std::vector<float>(spec.rates.size(), 1.0f))),
      norm_(parts.binder.floats(parts.binder.name(Weight::kRecurrenceNorm, layer) + ".weight", spec.inner(), true)) {
  Binder& binder = parts.binder;
  const auto name = [&](std::string_view op) { return fmt::format("layer {} {}", layer, op); };
  activation_ = binder.kernel(binder.kernels().activation, name("activation"));
  scan_ = binder.kernel(binder.kernels().selective_scan, name("selective_scan"));
  gated_norm_ = binder.kernel(binder.kernels().gated_rms_norm, name("gated_rms_norm"));
  const std::int64_t elements = binder.limits().tokens_max * spec_.inner();
  const auto floats = [&](std::string_view area, std::int64_t count) {
    return binder.work_space().area<float>(area, count * std::int64_t{sizeof(float)});
  };
  qkv_rows_ = floats("recurrence projections", 3 * elements);
  gate_rows_ = floats("recurrence gates", elements);
  scanned_ = floats("recurrence outputs", elements);
  gated_ = binder.work_space().area<void>("recurrence gated", format_bytes(handed_on_, elements));
}

void Lightning::run(const StepContext& c, const Activations& input, const LayerMemory& memory, float* out) const {
  const std::int64_t tokens = c.step.token_count, inner = spec_.inner(), row = 3 * inner;
  float* const q = qkv_rows_.get();
  {
    MatmulInput x(c.stream, conversions_, input.data, input.format, tokens, width_);
    qkv_.run(c.stream, x, tokens, q, row);
    gate_.run(c.stream, x, tokens, gate_rows_.get(), inner);
  }
  activation_(c.stream, {spec_.activation, q, tokens * row, q});
  scan_(c.stream, {.x = q + 2 * inner,
                   .x_stride = row,
                   .b = q + inner,
                   .c = q,
                   .bc_stride = row,
                   .dt = steps_.get(),
                   .dt_stride = 0,
                   .dt_bias = nullptr,
                   .a = rates_.get(),
                   .a_of_states = false,
                   .d = nullptr,
                   .delta_min = 1,
                   .delta_max = 1,
                   .heads = spec_.heads,
                   .head_dim = spec_.head_dim,
                   .groups = spec_.heads,
                   .state_size = spec_.head_dim,
                   .step = c.step,
                   .states = memory.states,
                   .out = scanned_.get(),
                   .out_stride = inner});
  gated_norm_(c.stream, {.x = scanned_.get(),
                         .x_stride = inner,
                         .gate = gate_rows_.get(),
                         .gate_stride = inner,
                         .row_count = tokens,
                         .group_count = 1,
                         .width = inner,
                         .weight = norm_.get(),
                         .group_weights = false,
                         .epsilon = spec_.norm_epsilon,
                         .activation = NormGate::kSigmoid,
                         .gate_first = false,
                         .out = gated_.get(),
                         .out_format = handed_on_});
  MatmulInput gated(c.stream, conversions_, gated_.get(), handed_on_, tokens, inner);
  output_.run(c.stream, gated, tokens, out, width_);
}

}  // namespace hearth
