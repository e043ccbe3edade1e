#include "model/blocks/layer_input.h"

#include <fmt/format.h>

#include <cmath>

namespace hearth {
namespace {

Planned<float> area_of_inputs(Binder& binder, const ModelSpec& spec, std::string_view name) {
  const std::int64_t floats = binder.limits().tokens_max * spec.layer_count() * spec.layer_input_width;
  return binder.work_space().area<float>(name, floats * std::int64_t{sizeof(float)});
}

// The mean of two vectors of about the same length, each divided by the square root of 2.
constexpr float kHalf = 0x1.6a09e6p-1f;

Norm bind_norm_of_inputs(Binder& binder, const ModelSpec& spec) {
  const std::string name = binder.name(Weight::kLayerInputNorm);
  return Norm(binder, binder.floats(name + ".weight", spec.layer_input_width, true, kHalf), name,
              spec.layer_input_width, spec.norm.epsilon);
}

}  // namespace

LayerInputs::LayerInputs(Binder& binder, const ModelSpec& spec)
    : width_(spec.width),
      inputs_width_(spec.layer_count() * spec.layer_input_width),
      layers_(spec.layer_count()),
      round_to_bf16_(!binder.all_f32()),
      scale_(kHalf * std::sqrt(static_cast<float>(spec.layer_input_width))),
      conversions_(binder.conversions()),
      projection_(
          binder, binder.name(Weight::kLayerInputProjection), width_, inputs_width_,
          {.scale = FileScale::kNone, .factor = 1 / std::sqrt(static_cast<float>(spec.width)), .input = Format::kF32}),
      norm_(bind_norm_of_inputs(binder, spec)),
      add_(binder.kernel(binder.kernels().residual_add, "layer inputs")),
      inputs_(area_of_inputs(binder, spec, "layer inputs")),
      projected_(area_of_inputs(binder, spec, "layer inputs, projected")) {
  const std::string name = binder.name(Weight::kLayerInputEmbedding) + ".weight";
  const WeightEntry* entry = binder.find(name);
  if (entry == nullptr || entry->shape.rank() != 2 || entry->shape[1] != inputs_width_ || entry->shape[0] <= 0) {
    binder.problem(entry == nullptr ? fmt::format("tensor '{}' is missing", name)
                                    : fmt::format("tensor '{}' has shape {}, not [tokens, {}]", name,
                                                  entry->shape.to_string(), inputs_width_));
    return;
  }
  is_short_ = entry->shape[0] < spec.vocabulary;
  gather_ = bind_table(binder, binder.kernels().embedding_gather, "layer input gather", *entry, table_);
}

void LayerInputs::run(Stream& stream, const std::int32_t* tokens, std::int64_t token_count,
                      const float* embeddings) const {
  gather_(stream, {tokens, token_count, table_.placed(), round_to_bf16_, scale_, inputs_.get(), is_short_});
  MatmulInput x(stream, conversions_, embeddings, Format::kF32, token_count, width_);
  projection_.run(stream, x, token_count, projected_.get(), inputs_width_);
  norm_.run_heads(stream, projected_.get(), token_count, inputs_width_, layers_);
  add_(stream, {inputs_.get(), projected_.get(), token_count * inputs_width_});
}

LayerInput::LayerInput(const LayerParts& parts, std::int64_t layer)
    : width_(parts.spec.width),
      input_width_(parts.spec.layer_input_width),
      layer_(layer),
      layers_(parts.spec.layer_count()),
      function_(parts.spec.layer_input_activation),
      handed_on_(parts.binder.kernels().activation_format),
      conversions_(parts.binder.conversions()),
      gate_(parts.binder, parts.binder.name(Weight::kLayerInputGate, layer), width_, input_width_,
            {.scale = FileScale::kNone, .input = Format::kF32}),
      projection_(parts.binder, parts.binder.name(Weight::kLayerInputOutput, layer), input_width_, width_,
                  {.scale = FileScale::kNone}),
      norm_(parts.binder, parts.binder.name(Weight::kLayerInputPostNorm, layer), width_, parts.spec.norm),
      activation_(parts.binder.kernel(parts.binder.kernels().gated_activation,
                                      fmt::format("layer {} choice of its input", layer))),
      inputs_(area_of_inputs(parts.binder, parts.spec, "layer inputs")) {
  const std::int64_t elements = parts.binder.limits().tokens_max * input_width_;
  gates_ = parts.binder.work_space().area<float>("layer input gates", elements * std::int64_t{sizeof(float)});
  chosen_ = parts.binder.work_space().area<void>("layer input chosen", format_bytes(handed_on_, elements));
}

void LayerInput::run(const StepContext& c, const float* chooser, float* out) const {
  const std::int64_t tokens = c.step.token_count;
  {
    MatmulInput x(c.stream, conversions_, chooser, Format::kF32, tokens, width_);
    gate_.run(c.stream, x, tokens, gates_.get(), input_width_);
  }
  activation_(c.stream, {.activation = function_,
                         .gate = gates_.get(),
                         .up = inputs_.get() + layer_ * input_width_,
                         .row_count = tokens,
                         .width = input_width_,
                         .row_stride = input_width_,
                         .out = chosen_.get(),
                         .out_format = handed_on_,
                         .up_stride = layers_ * input_width_});
  MatmulInput chosen(c.stream, conversions_, chosen_.get(), handed_on_, tokens, input_width_);
  projection_.run(c.stream, chosen, tokens, out, width_);
  norm_.run(c.stream, out, tokens, nullptr, out, Format::kF32);
}

}  // namespace hearth
