// EXAONE 3 (LG AI Research 2024): Llama's shape with GPT-2's names.
// EXAONE 4 (LG AI Research 2025): norms after each part and none before, norms of each query and key head. The larger
// models have a window on three layers of four, and no rope on the others. K-EXAONE (2026): the same with norms before
// each part, a few dense layers, then experts that a sigmoid and a bias choose.
#include "model/architectures/common.h"
#include "model/architectures/expert_settings.h"
#include "model/architectures/families.h"

namespace hearth {
namespace {

ModelSpec read_exaone3(const Settings& settings) {
  ModelSpec spec = read_gated_decoder(settings, {.gguf_pairs = RopePairs::kHalfSplit, .epsilon = 1e-5});
  const auto epsilon = settings.number({"", {"layer_norm_epsilon"}});  // of RMS norms all the same
  if (epsilon) spec.norm.epsilon = static_cast<float>(*epsilon);
  return spec;
}

ModelSpec read_exaone_attention(const Settings& settings, double epsilon) {
  ModelSpec spec = read_gated_decoder(settings, {.gguf_pairs = RopePairs::kHalfSplit, .epsilon = epsilon});
  const auto window = settings.positive(settings::kSlidingWindow);
  const std::vector<bool> slides = window ? sliding_layers(settings, spec, 4) : std::vector<bool>(spec.layers.size());
  if (window) slide(slides, *window, spec);
  for (std::size_t i = 0; i < spec.layers.size(); ++i) {
    AttentionSpec& attention = spec.layers[i].attention();
    attention.query_key_norm = QueryKeyNorm::kHead;
    if (window && !slides[i]) attention.rope = -1;
  }
  return spec;
}

ModelSpec read_exaone4(const Settings& settings) {
  ModelSpec spec = read_exaone_attention(settings, 1e-6);
  for (LayerSpec& layer : spec.layers) {
    layer.norm_before = false;
    layer.norm_after = true;
  }
  return spec;
}

ModelSpec read_exaone_moe(const Settings& settings) {
  ModelSpec spec = read_exaone_attention(settings, 1e-5);
  const ExpertsSpec experts =
      read_experts(settings, {.score = RouterScore::kSigmoid, .normalize = true, .sum_offset = 1e-20f});
  if (!give_listed_experts(settings, experts, spec)) give_experts(settings, experts, spec);
  return spec;
}

constexpr OwnName kExaone3Names[]{
    {NameScheme::kGpt2, Weight::kQueryKeyValue, ""},
    {NameScheme::kGpt2, Weight::kQuery, "transformer.h.{}.attn.attention.q_proj"},
    {NameScheme::kGpt2, Weight::kKey, "transformer.h.{}.attn.attention.k_proj"},
    {NameScheme::kGpt2, Weight::kValue, "transformer.h.{}.attn.attention.v_proj"},
    {NameScheme::kGpt2, Weight::kAttentionOutput, "transformer.h.{}.attn.attention.out_proj"},
    {NameScheme::kGpt2, Weight::kFfGate, "transformer.h.{}.mlp.c_fc_0"},
    {NameScheme::kGpt2, Weight::kFfUp, "transformer.h.{}.mlp.c_fc_1"},
    {NameScheme::kGpt2, Weight::kFfDown, "transformer.h.{}.mlp.c_proj"}};
constexpr OwnName kExpertNames[]{
    {NameScheme::kLlama, Weight::kRouterBias,
     "model.layers.{0}.mlp.e_score_correction_bias|model.layers.{0}.mlp.gate.e_score_correction_bias"}};

}  // namespace

std::span<const Architecture> exaone4_family() {
  static constexpr Architecture kFamily[]{
      {"exaone", "exaone", NameScheme::kGpt2, read_exaone3, kExaone3Names},
      {"exaone4", "exaone4", NameScheme::kLlama, read_exaone4},
      {"exaone-moe", "exaone_moe", NameScheme::kLlama, read_exaone_moe, kExpertNames, FamilyKind::kExperts}};
  return kFamily;
}

}  // namespace hearth
