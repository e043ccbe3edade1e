// GLM-4.5 to 4.7 (Zhipu 2025) and dots.llm1 (Xiaohongshu 2025): a few dense layers first, then experts that a sigmoid
// and a bias choose, and one that all tokens ask. Solar Open (Upstage 2026): the same without dense layers.
#include "model/architectures/common.h"
#include "model/architectures/expert_settings.h"
#include "model/architectures/families.h"

namespace hearth {
namespace {

ModelSpec read_sigmoid_experts(const Settings& settings, bool has_query_key_norm, bool config_normalize) {
  ModelSpec spec = read_gated_decoder(settings, {.gguf_pairs = RopePairs::kHalfSplit});
  if (has_query_key_norm) {
    for (LayerSpec& layer : spec.layers) layer.attention().query_key_norm = QueryKeyNorm::kHead;
  }
  const RouterDefaults router{
      .score = RouterScore::kSigmoid, .normalize = config_normalize && !settings.is_gguf(), .sum_offset = 1e-20f};
  give_experts(settings, read_experts(settings, router), spec);
  return spec;
}

ModelSpec read_glm4_moe(const Settings& settings) {
  const bool has_norm = settings.is_gguf() ? settings.source().find("blk.0.attn_q_norm.weight") != nullptr
                                           : settings.boolean({"", {"use_qk_norm"}}).value_or(false);
  ModelSpec spec = read_sigmoid_experts(settings, has_norm, true);
  has_position_sections(settings, spec.ropes.front().rotary_dim);
  return spec;
}

ModelSpec read_dots1(const Settings& settings) {
  ModelSpec spec = read_sigmoid_experts(settings, true, false);
  read_sliding_window(settings, settings.integer({"", {"max_window_layers"}}).value_or(0), spec);
  return spec;
}

ModelSpec read_solar_open(const Settings& settings) {
  ModelSpec spec = read_gated_decoder(settings, {.gguf_pairs = RopePairs::kHalfSplit, .epsilon = 1e-5});
  const ExpertsSpec experts =
      read_experts(settings, {.score = RouterScore::kSigmoid, .normalize = true, .sum_offset = 1e-20f});
  for (LayerSpec& layer : spec.layers) layer.feed_forward = experts;
  return spec;
}

constexpr OwnName kOwnNames[]{{NameScheme::kGguf, Weight::kFfNorm, "blk.{}.post_attention_norm"}};

}  // namespace

std::span<const Architecture> glm4_moe_family() {
  static constexpr Architecture kFamily[]{
      {"glm4moe", "glm4_moe", NameScheme::kLlama, read_glm4_moe, kOwnNames, FamilyKind::kExperts},
      {"", "glm4v_moe_text", NameScheme::kLlama, read_glm4_moe, kOwnNames, FamilyKind::kExperts},
      {"dots1", "dots1", NameScheme::kLlama, read_dots1, {}, FamilyKind::kExperts},
      {"", "solar_open", NameScheme::kLlama, read_solar_open, {}, FamilyKind::kExperts}};
  return kFamily;
}

}  // namespace hearth
