// Mixtral (Jiang et al. 2024) and MiniMax M2 (2025): experts in every layer. Mixtral's GGUF files call themselves
// `llama`. MiniMax chooses by a sigmoid and a bias, rotates a part of each head, and norms all queries as one row.
#include "model/architectures/common.h"
#include "model/architectures/expert_settings.h"
#include "model/architectures/families.h"
#include "model/rope_settings.h"

namespace hearth {
namespace {

ModelSpec read_mixtral(const Settings& settings) {
  ModelSpec spec = read_gated_decoder(settings, {.gguf_pairs = RopePairs::kAdjacent});
  read_sliding_window(settings, 0, spec);
  give_experts(settings, read_experts(settings, {.normalize = true, .gguf_normalize = true}), spec);
  return spec;
}

// The published config.json says `rotary_dim` and has no `rope_parameters`; transformers 5 writes those, and then does
// not look at it.
void read_rotary_dim(const Settings& settings, ModelSpec& spec) {
  const auto rotary_dim = settings.positive(settings::kRotaryDim);
  if (settings.is_gguf() || !rotary_dim || settings.config("rope_parameters") != nullptr) return;
  RopeSpec& rope = spec.ropes.front();
  rope.rotary_dim = *rotary_dim;
  check_rope(settings, rope, spec.layers.front().attention().head_dim);
}

ModelSpec read_minimax_m2(const Settings& settings) {
  ModelSpec spec = read_gated_decoder(settings, {.gguf_pairs = RopePairs::kHalfSplit});
  read_rotary_dim(settings, spec);
  if (settings.boolean({"", {"use_qk_norm"}}).value_or(true)) {
    for (LayerSpec& layer : spec.layers) layer.attention().query_key_norm = QueryKeyNorm::kAllHeads;
  }
  give_experts(settings,
               read_experts(settings, {.score = RouterScore::kSigmoid, .normalize = true, .gguf_normalize = true}),
               spec);
  return spec;
}

constexpr OwnName kOwnNames[]{
    {NameScheme::kLlama, Weight::kRouter, "model.layers.{}.block_sparse_moe.gate"},
    {NameScheme::kLlama, Weight::kRouterBias, "model.layers.{}.block_sparse_moe.e_score_correction_bias"},
    {NameScheme::kLlama, Weight::kExpertGate, "model.layers.{}.block_sparse_moe.experts.{}.w1"},
    {NameScheme::kLlama, Weight::kExpertDown, "model.layers.{}.block_sparse_moe.experts.{}.w2"},
    {NameScheme::kLlama, Weight::kExpertUp, "model.layers.{}.block_sparse_moe.experts.{}.w3"}};

}  // namespace

std::span<const Architecture> mixtral_family() {
  static constexpr Architecture kFamily[]{
      {"", "mixtral", NameScheme::kLlama, read_mixtral, kOwnNames, FamilyKind::kExperts},
      {"minimax-m2", "minimax_m2", NameScheme::kLlama, read_minimax_m2, kOwnNames, FamilyKind::kExperts}};
  return kFamily;
}

}  // namespace hearth
