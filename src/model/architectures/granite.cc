// Granite 3 and later, dense (IBM 2024): Llama's shape with four multipliers.
#include "model/architectures/common.h"
#include "model/architectures/families.h"

namespace hearth {
namespace {

ModelSpec read_granite(const Settings& settings) {
  ModelSpec spec = read_gated_decoder(settings, {.gguf_pairs = RopePairs::kAdjacent});
  spec.ff_scales = true;
  const auto factor = [&](const Setting& setting, double fallback) {
    return static_cast<float>(settings.positive_number(setting).value_or(fallback));
  };
  spec.embedding_scale = factor({"embedding_scale", {"embedding_multiplier"}}, 1);
  spec.logit_scale = 1 / factor({"logit_scale", {"logits_scaling"}}, 1);
  const float residual = factor({"residual_scale", {"residual_multiplier"}}, 1);
  for (LayerSpec& layer : spec.layers) {
    layer.residual_scale = residual;
    layer.attention().scale = factor({"attention.scale", {"attention_multiplier"}}, layer.attention().scale);
  }
  return spec;
}

}  // namespace

std::span<const Architecture> granite_family() {
  static constexpr Architecture kFamily[]{{"granite", "granite", NameScheme::kLlama, read_granite}};
  return kFamily;
}

}  // namespace hearth
