// Hy3 (Tencent 2026): Llama's shape with norms of each query and key head; a dense layer, then experts that a sigmoid
// and a bias choose, and one that all tokens ask.
#include "model/architectures/common.h"
#include "model/architectures/expert_settings.h"
#include "model/architectures/families.h"

namespace hearth {
namespace {

ModelSpec read_hy3(const Settings& settings) {
  ModelSpec spec = read_gated_decoder(settings, {.gguf_pairs = RopePairs::kHalfSplit, .epsilon = 1e-5});
  for (LayerSpec& layer : spec.layers) layer.attention().query_key_norm = QueryKeyNorm::kHead;
  ExpertsSpec experts =
      read_experts(settings, {.score = RouterScore::kSigmoid, .normalize = !settings.is_gguf(), .sum_offset = 1e-20f});
  if (const auto scale = settings.positive_number({"", {"router_scaling_factor"}})) {
    experts.routing.scale = static_cast<float>(*scale);
  }
  if (settings.is_gguf()) {
    experts.shared_width = settings.positive(settings::kSharedWidth).value_or(experts.width);
    give_experts_in_file(settings, experts, spec);
  } else if (!give_listed_experts(settings, experts, spec)) {
    give_experts(settings, experts, spec);
  }
  return spec;
}

constexpr OwnName kHy3Names[]{
    {NameScheme::kGguf, Weight::kRouterBias, "blk.{0}.exp_probs_b|blk.{0}.exp_probs_b.bias"},
    {NameScheme::kLlama, Weight::kRouter, "model.layers.{0}.mlp.router.gate|model.layers.{0}.mlp.gate"},
    {NameScheme::kLlama, Weight::kRouterBias,
     "model.layers.{0}.mlp.expert_bias|model.layers.{0}.mlp.e_score_correction_bias"},
    {NameScheme::kLlama, Weight::kSharedGate,
     "model.layers.{0}.mlp.shared_mlp.gate_proj|model.layers.{0}.mlp.shared_experts.gate_proj"},
    {NameScheme::kLlama, Weight::kSharedUp,
     "model.layers.{0}.mlp.shared_mlp.up_proj|model.layers.{0}.mlp.shared_experts.up_proj"},
    {NameScheme::kLlama, Weight::kSharedDown,
     "model.layers.{0}.mlp.shared_mlp.down_proj|model.layers.{0}.mlp.shared_experts.down_proj"}};

}  // namespace

std::span<const Architecture> hy3_family() {
  static constexpr Architecture kFamily[]{
      {"hy_v3", "hy_v3", NameScheme::kLlama, read_hy3, kHy3Names, FamilyKind::kExperts}};
  return kFamily;
}

}  // namespace hearth
