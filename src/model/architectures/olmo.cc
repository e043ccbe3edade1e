// OLMo 2 and 3 (OLMo Team 2025): norms after each part and none before, queries and keys normalized as whole rows.
// OLMo 3 has a window on three layers of four, and its rope is stretched on the others alone.
#include "model/architectures/common.h"
#include "model/architectures/families.h"

namespace hearth {
namespace {

ModelSpec read_olmo2(const Settings& settings) {
  ModelSpec spec = read_gated_decoder(settings, {.gguf_pairs = RopePairs::kHalfSplit});
  for (LayerSpec& layer : spec.layers) {
    layer.norm_before = false;
    layer.norm_after = true;
    layer.attention().query_key_norm = QueryKeyNorm::kAllHeads;
  }
  const auto window = settings.positive(settings::kSlidingWindow);
  if (!window) return spec;
  slide(sliding_layers(settings, spec, 4), *window, spec);
  add_sliding_rope(settings, settings::kRopeBase, spec.ropes.front().base, spec);
  return spec;
}

}  // namespace

std::span<const Architecture> olmo_family() {
  static constexpr Architecture kFamily[]{{"olmo2", "olmo2", NameScheme::kLlama, read_olmo2},
                                          {"", "olmo3", NameScheme::kLlama, read_olmo2}};
  return kFamily;
}

}  // namespace hearth
