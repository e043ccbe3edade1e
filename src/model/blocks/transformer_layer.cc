#include "model/blocks/transformer_layer.h"

#include <fmt/format.h>

#include <algorithm>

namespace hearth {
namespace {

const LayerSpec& layer_of(const LayerParts& parts, std::int64_t layer) {
  return parts.spec.layers[static_cast<std::size_t>(layer)];
}

std::optional<Norm> bind_norm(const LayerParts& parts, Weight weight, std::int64_t layer) {
  return Norm(parts.binder, parts.binder.name(weight, layer), parts.spec.width, parts.spec.norm);
}

std::optional<Norm> bind_norm_before(const LayerParts& parts, Weight weight, std::int64_t layer) {
  const LayerSpec& spec = layer_of(parts, layer);
  const bool has_part = weight == Weight::kFfNorm ? spec.has_feed_forward() : spec.has_mixer();
  if (!spec.norm_before || !has_part) return std::nullopt;
  if (weight == Weight::kAttentionNorm && !spec.norm_before_mixer) return std::nullopt;
  return bind_norm(parts, weight, layer);
}

// Halves that run side by side may share the mixer's norm.
std::optional<Norm> bind_ff_norm(const LayerParts& parts, std::int64_t layer) {
  const std::string name = parts.binder.name(Weight::kFfNorm, layer);
  const bool is_shared = layer_of(parts, layer).parallel && (name == parts.binder.name(Weight::kAttentionNorm, layer) ||
                                                             parts.binder.find(name + ".weight") == nullptr);
  return is_shared ? std::nullopt : bind_norm_before(parts, Weight::kFfNorm, layer);
}

std::optional<Norm> bind_norm_after(const LayerParts& parts, Weight weight, std::int64_t layer) {
  if (!layer_of(parts, layer).norm_after && !layer_of(parts, layer).norm_of_sum) return std::nullopt;
  return Norm(parts.binder, parts.binder.name(weight, layer), parts.spec.width,
              parts.spec.own_norm_after.value_or(parts.spec.norm));
}

// The form of what a layer's feed-forward part reads.
Format input_format(const LayerParts& parts, std::int64_t layer) {
  const LayerSpec& spec = layer_of(parts, layer);
  return spec.norm_before && !spec.adds_to_norm ? parts.binder.kernels().activation_format : Format::kF32;
}
Format mixer_input_format(const LayerParts& parts, std::int64_t layer) {
  // What goes beside the mixer is added to x.
  const bool is_f32 = !layer_of(parts, layer).norm_before_mixer || layer_of(parts, layer).laurel_rank > 0;
  return is_f32 ? Format::kF32 : input_format(parts, layer);
}

}  // namespace

std::optional<TransformerLayer::Mixer> TransformerLayer::bind_mixer(const LayerParts& parts, std::int64_t layer) {
  const Format input = mixer_input_format(parts, layer);
  const LayerSpec& spec = layer_of(parts, layer);
  if (!spec.has_mixer()) return std::nullopt;
  if (spec.has_attention() && spec.attention().latent) {
    return Mixer(std::in_place_type<LatentAttention>, parts, layer, input);
  }
  if (spec.has_attention()) return Mixer(std::in_place_type<Attention>, parts, layer, input);
  if (std::holds_alternative<DeltaSpec>(spec.mixer)) return Mixer(std::in_place_type<DeltaNet>, parts, layer, input);
  if (const auto* mamba = std::get_if<MambaSpec>(&spec.mixer)) {
    return Mixer(std::in_place_type<Mamba>, parts, *mamba, layer, input);
  }
  if (const auto* lightning = std::get_if<LightningSpec>(&spec.mixer)) {
    return Mixer(std::in_place_type<Lightning>, parts, *lightning, layer, input);
  }
  return Mixer(std::in_place_type<ShortConv>, parts, layer, input);
}

std::optional<TransformerLayer::FeedForward> TransformerLayer::bind_feed_forward(const LayerParts& parts,
                                                                                 std::int64_t layer) {
  const LayerSpec& spec = layer_of(parts, layer);
  const Format input = input_format(parts, layer);
  if (!spec.has_feed_forward()) return std::nullopt;
  if (spec.has_experts()) return FeedForward(std::in_place_type<Experts>, parts.binder, parts.spec, layer, input);
  return FeedForward(std::in_place_type<Mlp>, parts.binder, parts.spec, spec.mlp(), layer, input);
}

TransformerLayer::TransformerLayer(const LayerParts& parts, std::int64_t layer)
    : width_(parts.spec.width),
      parallel_(layer_of(parts, layer).parallel),
      norm_of_sum_(layer_of(parts, layer).norm_of_sum),
      adds_to_norm_(layer_of(parts, layer).adds_to_norm),
      mixer_sum_factor_(layer_of(parts, layer).mixer_sum_factor),
      handed_on_(parts.binder.kernels().activation_format),
      mixer_input_(mixer_input_format(parts, layer)),
      mixer_norm_(bind_norm_before(parts, Weight::kAttentionNorm, layer)),
      ff_norm_(bind_ff_norm(parts, layer)),
      mixer_post_norm_(bind_norm_after(parts, Weight::kAttentionPostNorm, layer)),
      ff_post_norm_(bind_norm_after(parts, Weight::kFfPostNorm, layer)),
      mixer_(bind_mixer(parts, layer)),
      feed_forward_(bind_feed_forward(parts, layer)) {
  Binder& binder = parts.binder;
  const std::int64_t tokens = binder.limits().tokens_max;
  bind_end(parts, layer);
  if (!mixer_norm_ || !ff_norm_ || parallel_ || dense_ || !leaves_delta() || mixer_sum_factor_ != 1) {
    residual_add_ = binder.kernel(binder.kernels().residual_add, fmt::format("layer {} residual_add", layer));
  }
  if (const auto& beside = layer_of(parts, layer).beside) {
    beside_.emplace(parts, *beside, layer, input_format(parts, layer));
    residual_add_ = binder.kernel(binder.kernels().residual_add, fmt::format("layer {} residual_add", layer));
  }
  normed_ = binder.work_space().area<void>(
      "normed", std::max(format_bytes(handed_on_, tokens * width_), format_bytes(mixer_input_, tokens * width_)));
  if (!parallel_ && !beside_ && !dense_) return;
  second_ = binder.work_space().area<float>("second delta", tokens * width_ * std::int64_t{sizeof(float)});
}

// What not every layer has around its parts.
void TransformerLayer::bind_end(const LayerParts& parts, std::int64_t layer) {
  const LayerSpec& spec = layer_of(parts, layer);
  Binder& binder = parts.binder;
  if (spec.dense_beside) {
    dense_.emplace(binder, parts.spec, *spec.dense_beside, layer, input_format(parts, layer));
    dense_post_norm_ = bind_norm(parts, Weight::kDensePostNorm, layer);
    experts_norm_ = bind_norm(parts, Weight::kExpertsNorm, layer);
    experts_post_norm_ = bind_norm(parts, Weight::kExpertsPostNorm, layer);
  }
  if (spec.laurel_rank > 0) laurel_.emplace(parts, layer);
  if (parts.spec.alt_up) alt_up_.emplace(parts, layer);
  if (parts.spec.layer_input_width > 0) input_.emplace(parts, layer);
  if (spec.output_scale) output_scale_ = binder.scalar(binder.name(Weight::kLayerScale, layer), 1);
  if (spec.sum_factor != 1) output_scale_ = spec.sum_factor;
}

Activations TransformerLayer::read(const StepContext& c, const std::optional<Norm>& norm, bool add_delta,
                                   Format format) const {
  const std::int64_t tokens = c.step.token_count;
  if (norm && adds_to_norm_) {
    norm->run(c.stream, add_delta ? c.delta : c.x, tokens, add_delta ? c.x : nullptr, c.x, Format::kF32);
    return {c.x, Format::kF32};
  }
  if (norm) {
    norm->run(c.stream, add_delta ? c.delta : c.x, tokens, add_delta ? c.x : nullptr, normed_.get(), format);
    return {normed_.get(), format};
  }
  if (add_delta) residual_add_(c.stream, {c.x, c.delta, tokens * width_});
  return {c.x, Format::kF32};
}

void TransformerLayer::finish(const StepContext& c, const std::optional<Norm>& norm, float* delta) const {
  if (norm) norm->run(c.stream, delta, c.step.token_count, nullptr, delta, Format::kF32);
}

void TransformerLayer::run_mixer(const StepContext& c, const Activations& input, const LayerMemory& memory) const {
  std::visit([&](const auto& part) { part.run(c, input, memory, c.delta); }, *mixer_);
  if (!beside_) return;
  beside_->run(c, input, memory, second_.get());
  residual_add_(c.stream, {c.delta, second_.get(), c.step.token_count * width_});
}

void TransformerLayer::run_feed_forward(const StepContext& c, const Activations& input, float* delta) const {
  if (!dense_) return std::visit([&](const auto& part) { part.run(c, input, delta); }, *feed_forward_);
  dense_->run(c, input, second_.get());
  finish(c, dense_post_norm_, second_.get());
  const Activations own = read(c, experts_norm_, false, handed_on_);
  std::visit([&](const auto& part) { part.run(c, own, delta); }, *feed_forward_);
  finish(c, experts_post_norm_, delta);
  residual_add_(c.stream, {delta, second_.get(), c.step.token_count * width_});
}

// What comes after the layer's parts, where x is needed whole.
void TransformerLayer::run_end(const StepContext& c) const {
  if (leaves_delta() || norm_of_sum_) return;
  const std::int64_t elements = c.step.token_count * width_;
  if (alt_up_) {
    residual_add_(c.stream, {c.x, c.delta, elements});
    alt_up_->correct(c);
    if (!input_) return;
    input_->run(c, alt_up_->corrected(), c.delta);
    return alt_up_->add_to_others(c);
  }
  if (input_) {
    residual_add_(c.stream, {c.x, c.delta, elements});
    input_->run(c, c.x, c.delta);
  }
  residual_add_(c.stream, {c.x, c.delta, elements, output_scale_.value_or(1.0f)});
}

void TransformerLayer::run_with_norms_of_sums(const StepContext& c, const LayerMemory& memory) const {
  const std::int64_t tokens = c.step.token_count;
  const Activations x{c.x, Format::kF32};
  std::visit([&](const auto& part) { part.run(c, x, memory, c.delta); }, *mixer_);
  mixer_post_norm_->run(c.stream, c.delta, tokens, c.x, c.x, Format::kF32);
  run_feed_forward(c, x, c.delta);
  ff_post_norm_->run(c.stream, c.delta, tokens, c.x, c.x, Format::kF32);
}

void TransformerLayer::run(const StepContext& c, const LayerMemory& memory, bool add_delta) const {
  if (norm_of_sum_) return run_with_norms_of_sums(c, memory);
  if (alt_up_) alt_up_->predict(c);
  run_parts(c, memory, add_delta);
  run_end(c);
}

void TransformerLayer::run_parts(const StepContext& c, const LayerMemory& memory, bool add_delta) const {
  if (!mixer_) return run_feed_forward(c, read(c, ff_norm_, add_delta, handed_on_), c.delta);
  Activations input = read(c, mixer_norm_, add_delta, mixer_input_);
  run_mixer(c, input, memory);
  finish(c, mixer_post_norm_, c.delta);
  if (laurel_) laurel_->run(c, static_cast<const float*>(input.data));
  if (!feed_forward_) return;
  if (!parallel_) {
    const bool is_added = laurel_ || mixer_sum_factor_ != 1;
    if (mixer_sum_factor_ != 1) residual_add_(c.stream, {c.x, c.delta, c.step.token_count * width_, mixer_sum_factor_});
    run_feed_forward(c, read(c, ff_norm_, !is_added, handed_on_), c.delta);
    finish(c, ff_post_norm_, c.delta);
    return;
  }
  if (ff_norm_) input = read(c, ff_norm_, false, handed_on_);
  run_feed_forward(c, input, second_.get());
  finish(c, ff_post_norm_, second_.get());
  residual_add_(c.stream, {c.delta, second_.get(), c.step.token_count * width_});
}

}  // namespace hearth
