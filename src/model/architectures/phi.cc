// Phi 1 to 2 (Gunasekar et al. 2023, Li et al. 2023): both halves of a layer side by side behind one LayerNorm. Phi 3
// and 4 (Abdin et al. 2024): Llama's shape with fused projections, and LongRoPE. Phi 3.5 MoE (2024): that with
// LayerNorm and experts of SparseMixer.
#include "model/architectures/common.h"
#include "model/architectures/expert_settings.h"
#include "model/architectures/families.h"

namespace hearth {
namespace {

ModelSpec read_phi(const Settings& settings) {
  ModelSpec spec = read_layer_norm_decoder(settings, RopePairs::kHalfSplit, Activation::kGeluTanh);
  const bool has_norms = settings.boolean({"", {"qk_layernorm"}}).value_or(false);
  for (LayerSpec& layer : spec.layers) {
    layer.parallel = true;
    layer.mlp().gated = false;
    if (has_norms) norm_query_and_key(layer.attention(), NormKind::kLayer);
  }
  return spec;
}

ModelSpec read_phi3(const Settings& settings) {
  ModelSpec spec = read_gated_decoder(settings, {.gguf_pairs = RopePairs::kHalfSplit});
  read_sliding_window(settings, 0, spec);
  return spec;
}

ModelSpec read_phimoe(const Settings& settings) {
  ModelSpec spec = read_gated_decoder(settings, {.gguf_pairs = RopePairs::kHalfSplit, .epsilon = 1e-5});
  spec.norm.kind = NormKind::kLayer;
  read_sliding_window(settings, 0, spec);
  ExpertsSpec experts = read_experts(settings, {.score = RouterScore::kSparseMixer});
  experts.routing.tolerance = static_cast<float>(2 * settings.number({"", {"router_jitter_noise"}}).value_or(0.01));
  give_experts(settings, experts, spec);
  return spec;
}

constexpr OwnName kPhiNames[]{{NameScheme::kLlama, Weight::kQueryNorm, "model.layers.{}.self_attn.q_layernorm"},
                              {NameScheme::kLlama, Weight::kKeyNorm, "model.layers.{}.self_attn.k_layernorm"},
                              {NameScheme::kLlama, Weight::kOutputNorm, "model.final_layernorm"},
                              {NameScheme::kLlama, Weight::kAttentionOutput, "model.layers.{}.self_attn.dense"},
                              {NameScheme::kLlama, Weight::kFfUp, "model.layers.{}.mlp.fc1"},
                              {NameScheme::kLlama, Weight::kFfDown, "model.layers.{}.mlp.fc2"}};
constexpr OwnName kPhimoeNames[]{
    {NameScheme::kLlama, Weight::kRouter, "model.layers.{}.block_sparse_moe.gate"},
    {NameScheme::kLlama, Weight::kExpertGate, "model.layers.{}.block_sparse_moe.experts.{}.w1"},
    {NameScheme::kLlama, Weight::kExpertDown, "model.layers.{}.block_sparse_moe.experts.{}.w2"},
    {NameScheme::kLlama, Weight::kExpertUp, "model.layers.{}.block_sparse_moe.experts.{}.w3"}};
constexpr OwnName kPhi3Names[]{{NameScheme::kLlama, Weight::kQueryKeyValue, "model.layers.{}.self_attn.qkv_proj"}};

}  // namespace

std::span<const Architecture> phi_family() {
  static constexpr Architecture kFamily[]{
      {"phi2", "phi", NameScheme::kLlama, read_phi, kPhiNames},
      {"phi3", "phi3", NameScheme::kLlama, read_phi3, kPhi3Names},
      {"phimoe", "phimoe", NameScheme::kLlama, read_phimoe, kPhimoeNames, FamilyKind::kExperts}};
  return kFamily;
}

}  // namespace hearth
