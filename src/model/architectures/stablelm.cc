// StableLM 2 (Bellagente et al. 2024): LayerNorm, a gated feed-forward part, a rope over a part of each head.
#include "model/architectures/common.h"
#include "model/architectures/families.h"

namespace hearth {
namespace {

ModelSpec read_stablelm(const Settings& settings) {
  ModelSpec spec = read_layer_norm_decoder(settings, RopePairs::kHalfSplit, Activation::kSilu);
  const bool parallel = settings.boolean({"use_parallel_residual", {"use_parallel_residual"}}).value_or(false);
  const bool has_norms = settings.is_gguf() ? settings.source().find("blk.0.attn_q_norm.weight") != nullptr
                                            : settings.boolean({"", {"qk_layernorm"}}).value_or(false);
  for (LayerSpec& layer : spec.layers) {
    layer.parallel = parallel;
    if (has_norms) norm_query_and_key(layer.attention(), NormKind::kLayer, true);
  }
  return spec;
}

constexpr OwnName kOwnNames[]{{NameScheme::kLlama, Weight::kQueryNorm, "model.layers.{}.self_attn.q_layernorm"},
                              {NameScheme::kLlama, Weight::kKeyNorm, "model.layers.{}.self_attn.k_layernorm"}};

}  // namespace

std::span<const Architecture> stablelm_family() {
  static constexpr Architecture kFamily[]{{"stablelm", "stablelm", NameScheme::kLlama, read_stablelm, kOwnNames}};
  return kFamily;
}

}  // namespace hearth
