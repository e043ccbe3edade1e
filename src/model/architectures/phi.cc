// Phi 1 to 2 (Gunasekar et al. 2023, Li et al. 2023): both halves of a layer side by side behind one LayerNorm. Phi 3
// and 4 (Abdin et al. 2024): Llama's shape with fused projections, and LongRoPE.
#include "model/architectures/common.h"
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

constexpr OwnName kPhiNames[]{{NameScheme::kLlama, Weight::kQueryNorm, "model.layers.{}.self_attn.q_layernorm"},
                              {NameScheme::kLlama, Weight::kKeyNorm, "model.layers.{}.self_attn.k_layernorm"},
                              {NameScheme::kLlama, Weight::kOutputNorm, "model.final_layernorm"},
                              {NameScheme::kLlama, Weight::kAttentionOutput, "model.layers.{}.self_attn.dense"},
                              {NameScheme::kLlama, Weight::kFfUp, "model.layers.{}.mlp.fc1"},
                              {NameScheme::kLlama, Weight::kFfDown, "model.layers.{}.mlp.fc2"}};
constexpr OwnName kPhi3Names[]{{NameScheme::kLlama, Weight::kQueryKeyValue, "model.layers.{}.self_attn.qkv_proj"}};

}  // namespace

std::span<const Architecture> phi_family() {
  static constexpr Architecture kFamily[]{{"phi2", "phi", NameScheme::kLlama, read_phi, kPhiNames},
                                          {"phi3", "phi3", NameScheme::kLlama, read_phi3, kPhi3Names}};
  return kFamily;
}

}  // namespace hearth
