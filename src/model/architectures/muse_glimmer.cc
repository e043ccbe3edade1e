// Muse Glimmer (Meta 2026): norms before and after each part, and of embeddings, without weights like those of queries
// and keys; a gate of a matrix of its own on what heads see; a window on three layers of four, and no rope on the
// others; a cap on the logits.
#include "model/architectures/common.h"
#include "model/architectures/families.h"
#include "model/architectures/hybrid_settings.h"

namespace hearth {
namespace {

// Those whose base config.json says to be 0, or that have no window.
std::vector<bool> muse_rope_layers(const Settings& settings, const std::vector<bool>& windowed) {
  const std::vector<double> bases = config_numbers(settings, "layer_rope_theta", windowed.size());
  if (bases.empty()) return windowed;
  std::vector<bool> rotated;
  for (const double base : bases) rotated.push_back(base != 0);
  return rotated;
}

// The norms of layers have weights less one in checkpoints; GGUF files have those of queries and keys as tensors, with
// the factor of queries.
void read_muse_norms(const Settings& settings, ModelSpec& spec) {
  const NormSpec plain = spec.norm;
  spec.norm.weight_offset = settings.is_gguf() ? 0 : 1;
  spec.own_output_norm = plain;
  spec.own_embedding_norm = plain;
  spec.own_embedding_norm->has_weights = false;
  spec.embedding_norm = true;
  spec.own_norm_after = spec.norm;
  spec.own_norm_after->epsilon = static_cast<float>(settings.number({"", {"post_norm_eps"}}).value_or(1e-8));
  const double factor = settings.positive_number({"", {"qk_scale_factor"}}).value_or(3.87);
  for (LayerSpec& layer : spec.layers) {
    AttentionSpec& attention = layer.attention();
    norm_query_and_key(attention, NormKind::kRms);
    attention.plain_query_key_norm = !settings.is_gguf();
    if (attention.plain_query_key_norm) attention.scale *= static_cast<float>(factor);
    layer.norm_after = true;
  }
}

ModelSpec read_muse_glimmer(const Settings& settings) {
  ModelSpec spec = read_gated_decoder(settings, {.gguf_pairs = RopePairs::kAdjacent, .epsilon = 1e-5});
  read_muse_norms(settings, spec);
  const std::vector<bool> windowed = sliding_layers(settings, spec, 4);
  slide(windowed, settings.positive(settings::kSlidingWindow).value_or(2048), spec);
  const std::vector<bool> rotated = muse_rope_layers(settings, windowed);
  for (std::size_t i = 0; i < spec.layers.size(); ++i) {
    AttentionSpec& attention = spec.layers[i].attention();
    attention.gated = attention.own_gate = true;
    if (!rotated[i]) attention.rope = -1;
  }
  spec.logit_scale = static_cast<float>(settings.positive_number({"logit_scale", {"output_multiplier"}}).value_or(1));
  spec.logit_softcap = static_cast<float>(settings.positive_number(settings::kLogitSoftcap).value_or(0));
  return spec;
}

// The norm of embeddings has no tensor; what has a name in the plan has this one.
constexpr OwnName kMuseNames[]{{NameScheme::kLlama, Weight::kEmbeddingNorm, "model.embedding_norm"},
                               {NameScheme::kLlama, Weight::kFfNorm, "model.layers.{}.pre_feedforward_layernorm"}};

}  // namespace

std::span<const Architecture> muse_glimmer_family() {
  static constexpr Architecture kFamily[]{
      {"muse-glimmer", "muse_glimmer_text", NameScheme::kLlama, read_muse_glimmer, kMuseNames}};
  return kFamily;
}

}  // namespace hearth
