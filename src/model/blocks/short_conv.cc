#include "model/blocks/short_conv.h"

#include <fmt/format.h>

namespace hearth {
namespace {

const ShortConvSpec& spec_of(const LayerParts& parts, std::int64_t layer) {
  return std::get<ShortConvSpec>(parts.spec.layers[static_cast<std::size_t>(layer)].mixer);
}

}  // namespace

Planned<const float> bind_conv_weight(Binder& binder, const std::string& name, std::int64_t channels,
                                      std::int64_t kernel) {
  const WeightEntry* entry = binder.find(name);
  const bool fits = entry != nullptr && entry->shape.element_count() == channels * kernel &&
                    entry->shape.columns() == kernel && entry->shape[0] == channels;
  if (!fits || traits(entry->format).is_quantized()) {
    binder.problem(
        entry == nullptr ? fmt::format("tensor '{}' is missing", name)
        : fits
            ? fmt::format("tensor '{}' is {}; a list of floats is expected", name, traits(entry->format).name)
            : fmt::format("tensor '{}' has shape {}, not [{}, {}]", name, entry->shape.to_string(), channels, kernel));
    return {};
  }
  const auto fill = [=](std::byte* out) {
    std::vector<float> by_channel(static_cast<std::size_t>(channels * kernel));
    traits(entry->format).decode_f32(entry->bytes.data(), by_channel.data(), channels * kernel);
    auto* const weight = reinterpret_cast<float*>(out);
    for (std::int64_t i = 0; i < channels * kernel; ++i) {
      weight[i % kernel * channels + i / kernel] = by_channel[static_cast<std::size_t>(i)];
    }
  };
  return binder.reserve(channels * kernel * std::int64_t{sizeof(float)}, fill).as<const float>();
}

ShortConv::ShortConv(const LayerParts& parts, std::int64_t layer, Format input)
    : spec_(spec_of(parts, layer)),
      handed_on_(parts.binder.kernels().activation_format),
      conversions_(parts.binder.conversions()),
      projection_(parts.binder, parts.binder.name(Weight::kConvIn, layer), spec_.width, 3 * spec_.width,
                  {.input = input}),
      output_(parts.binder, parts.binder.name(Weight::kConvOut, layer), spec_.width, spec_.width,
              {.factor = parts.spec.layers[static_cast<std::size_t>(layer)].residual_scale}) {
  Binder& binder = parts.binder;
  const std::string name = binder.name(Weight::kConv, layer);
  weight_ = bind_conv_weight(binder, name + ".weight", spec_.width, spec_.kernel);
  bias_ = binder.floats(name + ".bias", spec_.width, false);
  conv_ = binder.kernel(binder.kernels().causal_conv, fmt::format("layer {} causal_conv", layer));
  const std::int64_t elements = binder.limits().tokens_max * spec_.width;
  projected_ = binder.work_space().area<float>("conv projections", 3 * elements * std::int64_t{sizeof(float)});
  convolved_ = binder.work_space().area<void>("convolved", format_bytes(handed_on_, elements));
}

void ShortConv::run(const StepContext& c, const Activations& input, const LayerMemory& memory, float* out) const {
  const std::int64_t tokens = c.step.token_count, row = 3 * spec_.width;
  MatmulInput x(c.stream, conversions_, input.data, input.format, tokens, spec_.width);
  projection_.run(c.stream, x, tokens, projected_.get(), row);
  const float* const b = projected_.get();
  conv_(c.stream, {.x = b + 2 * spec_.width,
                   .input_gate = b,
                   .output_gate = b + spec_.width,
                   .x_stride = row,
                   .weight = weight_.get(),
                   .bias = bias_.get(),
                   .channels = spec_.width,
                   .kernel = spec_.kernel,
                   .silu = false,
                   .step = c.step,
                   .states = memory.states,
                   .out = convolved_.get(),
                   .out_stride = spec_.width,
                   .out_format = handed_on_});
  MatmulInput convolved(c.stream, conversions_, convolved_.get(), handed_on_, tokens, spec_.width);
  output_.run(c.stream, convolved, tokens, out, spec_.width);
}

}  // namespace hearth
