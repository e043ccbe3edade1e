// StarCoder 2 (Lozhkov et al. 2024): LayerNorm, biases everywhere, a plain feed-forward part with GELU.
#include "model/architectures/common.h"
#include "model/architectures/families.h"

namespace hearth {
namespace {

ModelSpec read_starcoder2(const Settings& settings) {
  ModelSpec spec = read_layer_norm_decoder(settings, RopePairs::kHalfSplit, Activation::kGeluTanh);
  for (LayerSpec& layer : spec.layers) layer.mlp().gated = false;
  read_sliding_window(settings, 0, spec);
  return spec;
}

constexpr OwnName kOwnNames[]{{NameScheme::kLlama, Weight::kFfUp, "model.layers.{}.mlp.c_fc"},
                              {NameScheme::kLlama, Weight::kFfDown, "model.layers.{}.mlp.c_proj"}};

}  // namespace

std::span<const Architecture> starcoder2_family() {
  static constexpr Architecture kFamily[]{{"starcoder2", "starcoder2", NameScheme::kLlama, read_starcoder2, kOwnNames}};
  return kFamily;
}

}  // namespace hearth
