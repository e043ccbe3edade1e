// StableLM 2 (Bellagente et al. 2024): LayerNorm, a gated feed-forward part, a rope over a part of each head.
#include "model/architectures/common.h"
#include "model/architectures/families.h"

namespace hearth {
namespace {

ModelSpec read_stablelm(const Settings& settings) {
  refuse_if(settings, {"", {"qk_layernorm"}}, "a LayerNorm of queries and keys");
  ModelSpec spec = read_layer_norm_decoder(settings, RopePairs::kHalfSplit, Activation::kSilu);
  const bool parallel = settings.boolean({"use_parallel_residual", {"use_parallel_residual"}}).value_or(false);
  for (LayerSpec& layer : spec.layers) layer.parallel = parallel;
  return spec;
}

}  // namespace

std::span<const Architecture> stablelm_family() {
  static constexpr Architecture kFamily[]{{"stablelm", "stablelm", NameScheme::kLlama, read_stablelm}};
  return kFamily;
}

}  // namespace hearth
