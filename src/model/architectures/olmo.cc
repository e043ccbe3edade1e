// OLMo (Groeneveld et al. 2024): Llama's shape with norms that have no weights. OLMo 2 and 3 (OLMo Team 2025): norms
// after each part and none before, queries and keys normalized as whole rows; OLMo 3 has a window on three layers of
// four, and its rope is stretched on the others alone. OLMoE (Muennighoff et al. 2024): experts, norms before each
// part; where queries, keys and values are held within a limit, queries and keys are so behind their norm.
#include "model/architectures/common.h"
#include "model/architectures/expert_settings.h"
#include "model/architectures/families.h"

namespace hearth {
namespace {

// Within which queries, keys and values are held.
std::optional<double> read_limit(const Settings& settings) {
  return settings.positive_number({"attention.clamp_kqv", {"clip_qkv"}});
}

ModelSpec read_olmo(const Settings& settings) {
  ModelSpec spec = read_sizes(settings);
  spec.norm = {.kind = NormKind::kLayer, .epsilon = 1e-5f, .has_weights = false};
  if (const auto epsilon = settings.positive_number({settings::kLayerNormEpsilon.gguf})) {
    spec.norm.epsilon = static_cast<float>(*epsilon);
  }
  read_activation(settings, Activation::kSilu, spec);
  read_rope(settings, RopePairs::kAdjacent, spec);
  const auto limit = read_limit(settings);
  for (LayerSpec& layer : spec.layers) layer.attention().qkv_limit = static_cast<float>(limit.value_or(0));
  return spec;
}

ModelSpec read_olmoe(const Settings& settings) {
  ModelSpec spec = read_gated_decoder(settings, {.gguf_pairs = RopePairs::kHalfSplit, .epsilon = 1e-5});
  const auto limit = read_limit(settings);
  for (LayerSpec& layer : spec.layers) {
    AttentionSpec& attention = layer.attention();
    attention.query_key_norm = QueryKeyNorm::kAllHeads;
    attention.qkv_limit = static_cast<float>(limit.value_or(0));
    attention.limit_of_normed = limit.has_value();
  }
  give_experts(settings, read_experts(settings, {.gguf_normalize = false}), spec);
  return spec;
}

// FlexOlmo (2025): OLMo 2 with OLMoE's experts.
ModelSpec read_flex_olmo(const Settings& settings) {
  ModelSpec spec = read_olmoe(settings);
  for (LayerSpec& layer : spec.layers) {
    layer.norm_before = false;
    layer.norm_after = true;
  }
  return spec;
}

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
  static constexpr Architecture kFamily[]{
      {"olmo", "olmo", NameScheme::kLlama, read_olmo},
      {"olmoe", "olmoe", NameScheme::kLlama, read_olmoe, {}, FamilyKind::kExperts},
      {"", "flex_olmo", NameScheme::kLlama, read_flex_olmo, {}, FamilyKind::kExperts},
      {"olmo2", "olmo2", NameScheme::kLlama, read_olmo2},
      {"", "olmo3", NameScheme::kLlama, read_olmo2}};
  return kFamily;
}

}  // namespace hearth
