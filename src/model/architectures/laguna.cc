// Laguna (Poolside 2026): windows on some layers, which may have another number of heads and have a rope of their own;
// norms of each query and key head, and a softplus of the input that opens what heads see, one for each head or for
// each element. A dense layer, then experts that a sigmoid and a bias choose, and one that all tokens ask.
#include <fmt/format.h>

#include "base/error.h"
#include "model/architectures/common.h"
#include "model/architectures/expert_settings.h"
#include "model/architectures/families.h"
#include "model/architectures/layer_sizes.h"
#include "model/rope_settings.h"

namespace hearth {
namespace {

// Whether a layer has one gate for each head: as config.json says, and of a GGUF file its tensor.
bool has_gates_of_heads(const Settings& settings, std::int64_t layer_heads) {
  if (settings.is_gguf()) {
    const WeightEntry* gate = settings.source().find("blk.0.attn_gate.weight");
    return gate == nullptr || gate->shape.rows() == layer_heads;
  }
  const boost::json::value* gating = settings.config("gating");
  if (gating == nullptr || *gating == boost::json::value(true)) return true;
  if (gating->is_string() && gating->get_string() == "per-head") return true;
  if (gating->is_string() && gating->get_string() == "per-element") return false;
  throw Unsupported(
      fmt::format("{}: setting 'gating' is neither true nor per-head nor per-element", settings.file_name()));
}

ExpertsSpec read_laguna_experts(const Settings& settings) {
  refuse_if(settings, {"", {"moe_apply_router_weight_on_input"}}, "weighing what experts read");
  ExpertsSpec experts = read_experts(settings, {.score = RouterScore::kSigmoid, .normalize = true});
  experts.shared_width = settings.positive(settings::kSharedWidth).value_or(512);
  if (const auto scale = settings.positive_number({"", {"moe_routed_scaling_factor"}})) {
    experts.routing.scale = static_cast<float>(*scale);
  }
  return experts;
}

ModelSpec read_laguna(const Settings& settings) {
  AttentionSpec attention = read_shared_sizes(settings, 128);
  norm_query_and_key(attention, NormKind::kRms);
  attention.gated = attention.own_gate = true;
  attention.gate = NormGate::kSoftplus;
  ModelSpec spec = read_sizes_around(settings, attention);
  spec.norm.epsilon = static_cast<float>(settings.number(settings::kRmsEpsilon).value_or(1e-6));
  read_activation(settings, Activation::kSilu, spec);
  give_layer_heads(settings, {settings::kHeads.gguf, {"num_attention_heads_per_layer", "num_attention_heads"}},
                   settings::kKvHeads, spec);
  const bool of_heads = has_gates_of_heads(settings, spec.layers.front().attention().head_count);
  for (LayerSpec& layer : spec.layers) layer.attention().gate_of_heads = of_heads;
  if (const auto window = settings.positive(settings::kSlidingWindow)) {
    slide(layers_with_window(settings, spec, 1), *window, spec);
  }
  read_ropes_of_types(settings, spec);
  const ExpertsSpec experts = read_laguna_experts(settings);
  if (!give_listed_experts(settings, experts, spec)) {
    const std::int64_t dense = settings.integer({settings::kDenseLayers.gguf}).value_or(1);
    for (std::int64_t i = dense; i < spec.layer_count(); ++i) {
      spec.layers[static_cast<std::size_t>(i)].feed_forward = experts;
    }
  }
  return spec;
}

constexpr OwnName kLagunaNames[]{
    {NameScheme::kLlama, Weight::kAttentionGate, "model.layers.{}.self_attn.g_proj"},
    {NameScheme::kLlama, Weight::kRouterBias,
     "model.layers.{0}.mlp.experts.e_score_correction_bias|model.layers.{0}.mlp.gate.e_score_correction_bias"},
    {NameScheme::kLlama, Weight::kSharedGate,
     "model.layers.{0}.mlp.shared_expert.gate_proj|model.layers.{0}.mlp.shared_experts.gate_proj"},
    {NameScheme::kLlama, Weight::kSharedUp,
     "model.layers.{0}.mlp.shared_expert.up_proj|model.layers.{0}.mlp.shared_experts.up_proj"},
    {NameScheme::kLlama, Weight::kSharedDown,
     "model.layers.{0}.mlp.shared_expert.down_proj|model.layers.{0}.mlp.shared_experts.down_proj"}};

}  // namespace

std::span<const Architecture> laguna_family() {
  static constexpr Architecture kFamily[]{
      {"laguna", "laguna", NameScheme::kLlama, read_laguna, kLagunaNames, FamilyKind::kExperts}};
  return kFamily;
}

}  // namespace hearth
