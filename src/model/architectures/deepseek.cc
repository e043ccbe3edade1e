// DeepSeek MoE (Dai et al. 2024): Llama's attention, a dense layer, experts, and those that all tokens ask.
// DeepSeek V2 (2024), V3 and R1 (2024), Kimi K2 (Moonshot 2025), GLM-4.7-Flash (Zhipu 2026), Mistral 4 (2026): latent
// attention, a few dense layers, then experts, in groups or not, and those that all tokens ask. The GGUF files of most
// call themselves `deepseek2`.
#include <fmt/format.h>

#include "base/error.h"
#include "model/architectures/common.h"
#include "model/architectures/expert_settings.h"
#include "model/architectures/families.h"
#include "model/architectures/latent_settings.h"

namespace hearth {
namespace {

ModelSpec read_latent_decoder(const Settings& settings, bool pairs_are_adjacent) {
  ModelSpec spec = read_sizes_around(settings, read_latent_attention(settings));
  spec.norm.epsilon = static_cast<float>(settings.number(settings::kRmsEpsilon).value_or(1e-6));
  read_activation(settings, Activation::kSilu, spec);
  read_rope(settings, RopePairs::kAdjacent, spec, pairs_are_adjacent ? RopePairs::kAdjacent : RopePairs::kHalfSplit);
  // Some say which part of whole keys this is.
  if (!settings.is_gguf()) spec.ropes.front().rotary_dim = spec.layers.front().attention().latent->rope_dim;
  scale_latent_attention(settings, spec);
  return spec;
}

bool rope_is_interleaved(const Settings& settings) {
  return settings.boolean({"", {"rope_interleave"}}).value_or(true);
}

// Gives experts to the layers from `first` on of which the number is a multiple of config.json's moe_layer_freq.
void give_experts_from(const Settings& settings, std::int64_t first, const ExpertsSpec& experts, ModelSpec& spec) {
  const std::int64_t step = settings.positive({"", {"moe_layer_freq"}}).value_or(1);
  for (std::int64_t i = first; i < spec.layer_count(); ++i) {
    if (i % step == 0) spec.layers[static_cast<std::size_t>(i)].feed_forward = experts;
  }
}

ModelSpec read_deepseek_moe(const Settings& settings) {
  ModelSpec spec = read_gated_decoder(settings, {.gguf_pairs = RopePairs::kAdjacent});
  if (const auto score = settings.text({"", {"scoring_func"}}); score && *score != "softmax") {
    throw Unsupported(fmt::format("{}: setting 'scoring_func' is '{}'", settings.file_name(), *score));
  }
  const ExpertsSpec experts = read_experts(settings, {.gguf_normalize = false, .sum_offset = 1e-20f});
  give_experts_from(settings, settings.positive(settings::kDenseLayers).value_or(0), experts, spec);
  return spec;
}

ModelSpec read_deepseek_v2(const Settings& settings) {
  ModelSpec spec = read_latent_decoder(settings, true);
  rope_is_interleaved(settings);  // always
  ExpertsSpec experts = read_experts(settings, {.score = RouterScore::kSoftmax, .sum_offset = 1e-20f});
  const std::string method = settings.text({"", {"topk_method"}}).value_or("greedy");
  experts.routing.group_score = GroupScore::kLargest;
  if (method == "greedy") {
    experts.routing.group_count = experts.routing.groups_used = 1;
  } else if (method != "group_limited_greedy") {
    throw Unsupported(fmt::format("{}: setting 'topk_method' is '{}'", settings.file_name(), method));
  }
  give_experts_from(settings, settings.positive(settings::kDenseLayers).value_or(0), experts, spec);
  return spec;
}

ModelSpec read_deepseek_v3(const Settings& settings) {
  ModelSpec spec = read_latent_decoder(settings, rope_is_interleaved(settings));
  const ExpertsSpec experts =
      read_experts(settings, {.score = RouterScore::kSigmoid, .normalize = true, .sum_offset = 1e-20f});
  give_experts_from(settings, settings.integer(settings::kDenseLayers).value_or(3), experts, spec);
  return spec;
}

ModelSpec read_mistral4(const Settings& settings) {
  ModelSpec spec = read_latent_decoder(settings, rope_is_interleaved(settings));
  read_query_scale(settings, spec);
  const ExpertsSpec experts =
      read_experts(settings, {.score = RouterScore::kSoftmax, .normalize = true, .sum_offset = 1e-20f});
  give_experts_from(settings, settings.positive(settings::kDenseLayers).value_or(0), experts, spec);
  return spec;
}

ModelSpec read_glm4_moe_lite(const Settings& settings) {
  ModelSpec spec = read_latent_decoder(settings, rope_is_interleaved(settings));
  const ExpertsSpec experts =
      read_experts(settings, {.score = RouterScore::kSigmoid, .normalize = true, .sum_offset = 1e-20f});
  if (!give_listed_experts(settings, experts, spec)) {
    give_experts_from(settings, settings.integer(settings::kDenseLayers).value_or(1), experts, spec);
  }
  return spec;
}

ModelSpec read_deepseek2(const Settings& settings) {
  ModelSpec spec = read_latent_decoder(settings, true);
  give_experts(settings, read_experts(settings, {.score = RouterScore::kSoftmax, .sum_offset = 1e-20f}), spec);
  return spec;
}

}  // namespace

std::span<const Architecture> deepseek_family() {
  static constexpr Architecture kFamily[]{
      {"deepseek", "deepseek", NameScheme::kLlama, read_deepseek_moe, {}, FamilyKind::kExperts},
      {"deepseek2", "", NameScheme::kLlama, read_deepseek2, {}, FamilyKind::kExperts, "latent attention"},
      {"", "deepseek_v2", NameScheme::kLlama, read_deepseek_v2, {}, FamilyKind::kExperts, "latent attention"},
      {"", "deepseek_v3", NameScheme::kLlama, read_deepseek_v3, {}, FamilyKind::kExperts, "latent attention"},
      {"", "kimi_k2", NameScheme::kLlama, read_deepseek_v3, {}, FamilyKind::kExperts, "latent attention"},
      {"", "mistral4", NameScheme::kLlama, read_mistral4, {}, FamilyKind::kExperts, "latent attention"},
      {"", "glm4_moe_lite", NameScheme::kLlama, read_glm4_moe_lite, {}, FamilyKind::kExperts, "latent attention"}};
  return kFamily;
}

}  // namespace hearth
