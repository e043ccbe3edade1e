// Granite 3 and later (IBM 2024): Llama's shape with four multipliers, dense or of experts, with or without one that
// all tokens ask; or (2026) with windows on some layers, sinks, and ropes of layers' own.
#include "model/architectures/common.h"
#include "model/architectures/expert_settings.h"
#include "model/architectures/families.h"
#include "model/architectures/granite_settings.h"
#include "model/architectures/hybrid_settings.h"
#include "model/architectures/layer_sizes.h"

namespace hearth {

ModelSpec read_granite_decoder(const Settings& settings, AttentionLayers layers) {
  ModelSpec spec = read_gated_decoder(settings, {.gguf_pairs = RopePairs::kAdjacent, .attention_layers = layers});
  spec.ff_scales = true;
  const auto factor = [&](const Setting& setting, double fallback) {
    return static_cast<float>(settings.positive_number(setting).value_or(fallback));
  };
  spec.embedding_scale = factor({"embedding_scale", {"embedding_multiplier"}}, 1);
  spec.logit_scale = 1 / factor({"logit_scale", {"logits_scaling"}}, 1);
  const float residual = factor({"residual_scale", {"residual_multiplier"}}, 1);
  for (LayerSpec& layer : spec.layers) {
    layer.residual_scale = residual;
    layer.attention().scale = factor({"attention.scale", {"attention_multiplier"}}, layer.attention().scale);
  }
  return spec;
}

namespace {

ModelSpec read_granite(const Settings& settings) {
  return read_granite_decoder(settings);
}

ModelSpec read_granite_moe(const Settings& settings) {
  ModelSpec spec = read_granite(settings);
  ExpertsSpec experts = read_experts(settings, {.score = RouterScore::kChosenSoftmax});
  const Setting shared{settings::kSharedWidth.gguf, {"shared_intermediate_size"}};
  experts.shared_width = settings.positive(shared).value_or(0);
  give_experts(settings, experts, spec);
  return spec;
}

// The rope of this base, like the first one; none for 0.
int rope_of_base(double base, ModelSpec& spec) {
  if (base == 0) return -1;
  for (std::size_t i = 0; i < spec.ropes.size(); ++i) {
    if (spec.ropes[i].base == base) return static_cast<int>(i);
  }
  RopeSpec rope = spec.ropes.front();
  rope.base = base;
  spec.ropes.push_back(std::move(rope));
  return static_cast<int>(spec.ropes.size()) - 1;
}

ModelSpec read_granite_swa(const Settings& settings) {
  ModelSpec spec = read_granite(settings);
  slide(layers_with_window(settings, spec, 4), settings.positive(settings::kSlidingWindow).value_or(128), spec);
  const std::vector<double> bases = config_numbers(settings, "layer_rope_theta", spec.layers.size());
  const auto rotated = settings.list({"attention.rope_pattern"});
  for (std::size_t i = 0; i < spec.layers.size(); ++i) {
    AttentionSpec& attention = spec.layers[i].attention();
    attention.sinks = true;
    if (!bases.empty()) attention.rope = rope_of_base(bases[i], spec);
    if (rotated && i < rotated->size() && (*rotated)[i] == 0) attention.rope = -1;
  }
  return spec;
}

constexpr OwnName kExpertNames[]{
    {NameScheme::kLlama, Weight::kRouter, "model.layers.{}.block_sparse_moe.router.layer"},
    {NameScheme::kLlama, Weight::kExpertGate, ""},
    {NameScheme::kLlama, Weight::kExpertGateUp, "model.layers.{}.block_sparse_moe.input_linear"},
    {NameScheme::kLlama, Weight::kExpertDown, "model.layers.{}.block_sparse_moe.output_linear"},
    {NameScheme::kLlama, Weight::kSharedGateUp, "model.layers.{}.shared_mlp.input_linear"},
    {NameScheme::kLlama, Weight::kSharedDown, "model.layers.{}.shared_mlp.output_linear"}};

}  // namespace

std::span<const Architecture> granite_family() {
  static constexpr Architecture kFamily[]{
      {"granite", "granite", NameScheme::kLlama, read_granite},
      {"granite_swa", "granite_swa", NameScheme::kLlama, read_granite_swa},
      {"granitemoe", "granitemoe", NameScheme::kLlama, read_granite_moe, kExpertNames, FamilyKind::kExperts},
      {"", "granitemoeshared", NameScheme::kLlama, read_granite_moe, kExpertNames, FamilyKind::kExperts}};
  return kFamily;
}

}  // namespace hearth
