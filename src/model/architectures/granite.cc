// Granite 3 and later (IBM 2024): Llama's shape with four multipliers, dense or of experts, with or without one that
// all tokens ask.
#include "model/architectures/common.h"
#include "model/architectures/expert_settings.h"
#include "model/architectures/families.h"
#include "model/architectures/granite_settings.h"

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
      {"granitemoe", "granitemoe", NameScheme::kLlama, read_granite_moe, kExpertNames, FamilyKind::kExperts},
      {"", "granitemoeshared", NameScheme::kLlama, read_granite_moe, kExpertNames, FamilyKind::kExperts}};
  return kFamily;
}

}  // namespace hearth
