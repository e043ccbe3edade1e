// EXAONE 4 (LG AI Research 2025): norms after each part and none before, norms of each query and key head. The larger
// models have a window on three layers of four, and no rope on the others.
#include "model/architectures/common.h"
#include "model/architectures/families.h"

namespace hearth {
namespace {

ModelSpec read_exaone4(const Settings& settings) {
  ModelSpec spec = read_gated_decoder(settings, {.gguf_pairs = RopePairs::kHalfSplit});
  const auto window = settings.positive(settings::kSlidingWindow);
  const std::vector<bool> slides = window ? sliding_layers(settings, spec, 4) : std::vector<bool>(spec.layers.size());
  if (window) slide(slides, *window, spec);
  for (std::size_t i = 0; i < spec.layers.size(); ++i) {
    LayerSpec& layer = spec.layers[i];
    layer.norm_before = false;
    layer.norm_after = true;
    layer.attention().query_key_norm = QueryKeyNorm::kHead;
    if (window && !slides[i]) layer.attention().rope = -1;
  }
  return spec;
}

}  // namespace

std::span<const Architecture> exaone4_family() {
  static constexpr Architecture kFamily[]{{"exaone4", "exaone4", NameScheme::kLlama, read_exaone4}};
  return kFamily;
}

}  // namespace hearth
