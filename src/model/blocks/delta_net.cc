#include "model/blocks/delta_net.h"

#include <fmt/format.h>

namespace hearth {
namespace {

const DeltaSpec& delta_spec_of(const LayerParts& parts, std::int64_t layer) {
  return std::get<DeltaSpec>(parts.spec.layers[static_cast<std::size_t>(layer)].mixer);
}

Linear::Options delta_options(const DeltaSpec& spec) {
  return {.scale = spec.plain_products ? FileScale::kNone : FileScale::kProduct, .bias = !spec.plain_products};
}

Linear bind_delta_output(const LayerParts& parts, std::int64_t layer) {
  const DeltaSpec& spec = delta_spec_of(parts, layer);
  Linear::Options options = delta_options(spec);
  options.factor = parts.spec.layers[static_cast<std::size_t>(layer)].residual_scale;
  return Linear(parts.binder, parts.binder.name(Weight::kRecurrenceOutput, layer), spec.v_width(), parts.spec.width,
                options);
}

// Rows of a matrix that has `sizes` rows of several kinds for each key head, one kind after another, as those of the
// kinds [begin, end): each kind with all heads, then the next.
Linear::Part rows_by_kind(const std::string& name, std::int64_t heads, std::span<const std::int64_t> sizes,
                          std::size_t begin, std::size_t end) {
  Linear::Part part{name, 0};
  std::int64_t of_head = 0, offset = 0;
  for (const std::int64_t size : sizes) of_head += size;
  part.file_rows = heads * of_head;
  for (std::size_t kind = 0; kind < end; offset += sizes[kind++]) {
    if (kind < begin) continue;
    for (std::int64_t head = 0; head < heads; ++head) {
      for (std::int64_t i = 0; i < sizes[kind]; ++i) part.rows.push_back(head * of_head + offset + i);
    }
  }
  part.out = std::ssize(part.rows);
  return part;
}

// In the order queries, keys, values; gate; beta; decay. Of Kimi's, gate and decay are not among them.
std::vector<Linear> bind_delta_projections(const LayerParts& parts, std::int64_t layer, Format input) {
  Binder& binder = parts.binder;
  const DeltaSpec& spec = delta_spec_of(parts, layer);
  const auto name = [&](Weight weight) { return binder.name(weight, layer); };
  const auto has = [&](Weight weight) {
    return !name(weight).empty() && binder.find(name(weight) + ".weight") != nullptr;
  };
  const std::int64_t values = spec.v_heads / spec.k_heads;  // value heads of a key head
  std::vector<Linear::Part> pieces;
  if (spec.channel_decay) {
    for (const Weight weight : {Weight::kQuery, Weight::kKey}) {
      pieces.push_back({name(weight), spec.k_heads * spec.k_dim});
    }
    pieces.push_back({name(Weight::kValue), spec.v_width()});
  } else if (has(Weight::kDeltaMixed)) {
    const std::int64_t sizes[]{spec.k_dim, spec.k_dim, values * spec.v_dim, values * spec.v_dim};
    pieces.push_back(rows_by_kind(name(Weight::kDeltaMixed), spec.k_heads, sizes, 0, 4));
  } else {
    pieces.push_back({name(Weight::kDeltaQueryKeyValue), spec.conv_width()});
    pieces.push_back({name(Weight::kDeltaGate), spec.v_width()});
  }
  if (!spec.channel_decay && has(Weight::kDeltaMixedBetaDecay)) {
    const std::int64_t sizes[]{values, values};
    pieces.push_back(rows_by_kind(name(Weight::kDeltaMixedBetaDecay), spec.k_heads, sizes, 0, 2));
  } else {
    pieces.push_back({name(Weight::kDeltaBeta), spec.v_heads});
    if (!spec.channel_decay) pieces.push_back({name(Weight::kDeltaDecay), spec.v_heads});
  }
  Linear::Options options = delta_options(spec);
  options.input = input;
  return Linear::bind_side_by_side(binder, pieces, parts.spec.width, options);
}

Convolution bind_delta_convolution(const LayerParts& parts, std::int64_t layer) {
  Binder& binder = parts.binder;
  const DeltaSpec& spec = delta_spec_of(parts, layer);
  std::vector<std::string> names;
  std::vector<std::int64_t> channels;
  if (spec.channel_decay) {
    for (const Weight weight : {Weight::kDeltaConvQuery, Weight::kDeltaConvKey, Weight::kDeltaConvValue}) {
      names.push_back(binder.name(weight, layer));
    }
    channels = {spec.k_heads * spec.k_dim, spec.k_heads * spec.k_dim, spec.v_width()};
  } else {
    names = {binder.name(Weight::kRecurrenceConv, layer)};
    channels = {spec.conv_width()};
  }
  return Convolution(binder, names, channels, spec.kernel, layer);
}

}  // namespace

DeltaNet::DeltaNet(const LayerParts& parts, std::int64_t layer, Format input)
    : spec_(delta_spec_of(parts, layer)),
      width_(parts.spec.width),
      row_((spec_.conv_width() + (spec_.channel_decay ? 0 : spec_.v_width()) + 2 * spec_.v_heads + 3) / 4 * 4),
      handed_on_(parts.binder.kernels().activation_format),
      conversions_(parts.binder.conversions()),
      projections_(bind_delta_projections(parts, layer, input)),
      decay_(bind_pair(parts, layer, input, Weight::kDeltaDecay, Weight::kDeltaDecay2, spec_.v_heads * spec_.k_dim,
                       "decays")),
      gate_(bind_pair(parts, layer, input, Weight::kDeltaGate, Weight::kDeltaGate2, spec_.v_width(), "output gates")),
      convolution_(bind_delta_convolution(parts, layer)),
      rate_(bind_decay_rates(parts.binder, parts.binder.name(Weight::kRecurrenceRate, layer), spec_.v_heads)),
      decay_bias_(bind_flat_floats(parts.binder, parts.binder.name(Weight::kRecurrenceStepBias, layer),
                                   spec_.v_heads * (spec_.channel_decay ? spec_.k_dim : 1), true)),
      norm_(parts.binder.floats(parts.binder.name(Weight::kRecurrenceNorm, layer) + ".weight", spec_.v_dim, true)),
      epsilon_(parts.spec.norm.epsilon),
      output_(bind_delta_output(parts, layer)) {
  Binder& binder = parts.binder;
  delta_ = binder.kernel(binder.kernels().gated_delta, fmt::format("layer {} gated_delta", layer));
  gated_norm_ = binder.kernel(binder.kernels().gated_rms_norm, fmt::format("layer {} gated_rms_norm", layer));
  const std::int64_t tokens = binder.limits().tokens_max;
  const auto floats = [&](std::string_view name, std::int64_t width) {
    return binder.work_space().area<float>(name, tokens * width * std::int64_t{sizeof(float)});
  };
  projected_ = floats("recurrence projections", row_);
  convolved_ = floats("recurrence inputs", spec_.conv_width());
  recurred_ = floats("recurrence outputs", spec_.v_width());
  gated_ = binder.work_space().area<void>("recurrence gated", format_bytes(handed_on_, tokens * spec_.v_width()));
}

// Nothing but with decays of channels.
std::optional<DeltaNet::Pair> DeltaNet::bind_pair(const LayerParts& parts, std::int64_t layer, Format input,
                                                  Weight first, Weight second, std::int64_t out,
                                                  std::string_view area) {
  Binder& binder = parts.binder;
  const DeltaSpec& spec = delta_spec_of(parts, layer);
  if (!spec.channel_decay) return std::nullopt;
  const std::int64_t tokens = binder.limits().tokens_max;
  const auto floats = [&](std::string_view name, std::int64_t width) {
    return binder.work_space().area<float>(name, tokens * width * std::int64_t{sizeof(float)});
  };
  Linear::Options options = delta_options(spec), of_floats = options;
  options.input = input;
  of_floats.input = Format::kF32;
  return Pair{Linear(binder, binder.name(first, layer), parts.spec.width, spec.k_dim, options),
              Linear(binder, binder.name(second, layer), spec.k_dim, out, of_floats),
              floats("first product of two", spec.k_dim), floats(area, out)};
}

void DeltaNet::run_pair(const StepContext& c, const Activations& input, const Pair& pair) const {
  const std::int64_t tokens = c.step.token_count;
  {
    MatmulInput x(c.stream, conversions_, input.data, input.format, tokens, width_);
    pair.first.run(c.stream, x, tokens, pair.middle.get(), pair.first.out());
  }
  MatmulInput middle(c.stream, conversions_, pair.middle.get(), Format::kF32, tokens, pair.first.out());
  pair.second.run(c.stream, middle, tokens, pair.out.get(), pair.second.out());
}

void DeltaNet::run(const StepContext& c, const Activations& input, const LayerMemory& memory, float* out) const {
  const std::int64_t tokens = c.step.token_count;
  {
    MatmulInput x(c.stream, conversions_, input.data, input.format, tokens, width_);
    run_side_by_side(projections_, c.stream, x, tokens, projected_.get(), row_);
  }
  for (const auto& pair : {&decay_, &gate_}) {
    if (*pair) run_pair(c, input, **pair);
  }
  convolution_.run(c, projected_.get(), row_, memory.states, convolved_.get());
  const float* const q = convolved_.get();
  const float* const k = q + spec_.k_heads * spec_.k_dim;
  const float* const gate = gate_ ? gate_->out.get() : projected_.get() + spec_.conv_width();
  const float* const beta = projected_.get() + spec_.conv_width() + (gate_ ? 0 : spec_.v_width());
  delta_(c.stream, {.q = q,
                    .k = k,
                    .v = k + spec_.k_heads * spec_.k_dim,
                    .row_stride = spec_.conv_width(),
                    .decay = decay_ ? decay_->out.get() : beta + spec_.v_heads,
                    .decay_stride = decay_ ? spec_.v_heads * spec_.k_dim : row_,
                    .beta = beta,
                    .beta_stride = row_,
                    .rate = rate_.get(),
                    .decay_bias = decay_bias_.get(),
                    .channel_decay = spec_.channel_decay,
                    .k_heads = spec_.k_heads,
                    .v_heads = spec_.v_heads,
                    .key_heads = spec_.key_heads,
                    .k_dim = spec_.k_dim,
                    .v_dim = spec_.v_dim,
                    .length_epsilon = spec_.length_epsilon,
                    .scale = spec_.scale,
                    .step = c.step,
                    .states = {memory.states.data + recurrence_offset(spec_.conv_floats()), memory.states.stride},
                    .out = recurred_.get()});
  gated_norm_(c.stream, {.x = recurred_.get(),
                         .x_stride = spec_.v_width(),
                         .gate = gate,
                         .gate_stride = gate_ ? spec_.v_width() : row_,
                         .row_count = tokens,
                         .group_count = spec_.v_heads,
                         .width = spec_.v_dim,
                         .weight = norm_.get(),
                         .group_weights = false,
                         .epsilon = epsilon_,
                         .activation = spec_.gate,
                         .gate_first = false,
                         .out = gated_.get(),
                         .out_format = handed_on_});
  MatmulInput gated(c.stream, conversions_, gated_.get(), handed_on_, tokens, spec_.v_width());
  output_.run(c.stream, gated, tokens, out, width_);
}

}  // namespace hearth
