// Command-R and R+ (Cohere 2024) and Cohere 2: both halves of a layer side by side behind one LayerNorm without bias,
// scaled logits, a rope of adjacent pairs; R+ norms queries and keys as well. Cohere 2 has a window on three layers of
// four, and no rope on the others.
#include "model/architectures/common.h"
#include "model/architectures/families.h"

namespace hearth {
namespace {

ModelSpec read_cohere(const Settings& settings) {
  ModelSpec spec = read_layer_norm_decoder(settings, RopePairs::kAdjacent, Activation::kSilu);
  spec.logit_scale = static_cast<float>(settings.positive_number({"logit_scale", {"logit_scale"}}).value_or(0.0625));
  const bool has_norms = settings.is_gguf() ? settings.source().find("blk.0.attn_q_norm.weight") != nullptr
                                            : settings.boolean({"", {"use_qk_norm"}}).value_or(false);
  for (LayerSpec& layer : spec.layers) {
    layer.parallel = true;
    if (has_norms) norm_query_and_key(layer.attention(), NormKind::kLayer, true);
  }
  return spec;
}

ModelSpec read_cohere2(const Settings& settings) {
  ModelSpec spec = read_cohere(settings);
  spec.ff_scales = true;
  const std::vector<bool> slides = sliding_layers(settings, spec, 4);
  slide(slides, settings.positive(settings::kSlidingWindow).value_or(4096), spec);
  for (std::size_t i = 0; i < slides.size(); ++i) {
    if (!slides[i]) spec.layers[i].attention().rope = -1;
  }
  return spec;
}

}  // namespace

std::span<const Architecture> cohere_family() {
  static constexpr Architecture kFamily[]{{"command-r", "cohere", NameScheme::kLlama, read_cohere},
                                          {"cohere2", "cohere2", NameScheme::kLlama, read_cohere2}};
  return kFamily;
}

}  // namespace hearth
