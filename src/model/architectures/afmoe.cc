// AFMoE: Trinity (Arcee 2025). Norms before and after each part and of each query and key head, a gate of a matrix of
// its own on what heads see; a window on three layers of four, and no rope on the others; a few dense layers, then
// experts that a sigmoid and a bias choose.
#include <cmath>

#include "model/architectures/common.h"
#include "model/architectures/expert_settings.h"
#include "model/architectures/families.h"

namespace hearth {
namespace {

ModelSpec read_afmoe(const Settings& settings) {
  ModelSpec spec = read_gated_decoder(settings, {.gguf_pairs = RopePairs::kHalfSplit, .epsilon = 1e-5});
  // GGUF files do not say it.
  if (settings.is_gguf() || settings.boolean({"", {"mup_enabled"}}).value_or(false)) {
    spec.embedding_scale = static_cast<float>(std::sqrt(static_cast<double>(spec.width)));
  }
  const std::int64_t pattern = settings.positive({"", {"global_attn_every_n_layers"}}).value_or(4);
  const std::vector<bool> slides = sliding_layers(settings, spec, pattern);
  if (const auto window = settings.positive(settings::kSlidingWindow)) slide(slides, *window, spec);
  ExpertsSpec experts =
      read_experts(settings, {.score = RouterScore::kSigmoid, .normalize = true, .sum_offset = 1e-20f});
  if (const auto scale = settings.positive_number({"", {"route_scale"}})) {
    experts.routing.scale = static_cast<float>(*scale);
  }
  give_experts(settings, experts, spec);
  for (std::size_t i = 0; i < spec.layers.size(); ++i) {
    LayerSpec& layer = spec.layers[i];
    AttentionSpec& attention = layer.attention();
    layer.norm_after = true;
    attention.query_key_norm = QueryKeyNorm::kHead;
    attention.gated = attention.own_gate = true;
    if (!slides[i]) attention.rope = -1;
  }
  return spec;
}

constexpr OwnName kOwnNames[]{{NameScheme::kLlama, Weight::kFfNorm, "model.layers.{}.pre_mlp_layernorm"},
                              {NameScheme::kLlama, Weight::kFfPostNorm, "model.layers.{}.post_mlp_layernorm"},
                              {NameScheme::kLlama, Weight::kRouter, "model.layers.{}.mlp.router.gate"},
                              {NameScheme::kLlama, Weight::kRouterBias, "model.layers.{}.mlp.expert_bias"}};

}  // namespace

std::span<const Architecture> afmoe_family() {
  static constexpr Architecture kFamily[]{
      {"afmoe", "afmoe", NameScheme::kLlama, read_afmoe, kOwnNames, FamilyKind::kExperts}};
  return kFamily;
}

}  // namespace hearth
