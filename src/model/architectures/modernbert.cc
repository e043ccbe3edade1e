// ModernBERT (Warner et al. 2024): an encoder with norms before each part (but before the first layer's mixer), GELU
// gates, and a window both ways on two layers of three, which have a rope of their own.
#include "base/error.h"
#include "model/architectures/common.h"
#include "model/architectures/families.h"

namespace hearth {
namespace {

// Layers that see but a window; GGUF files have the period, counted from a layer that sees everything.
std::vector<bool> local_layers(const Settings& settings, const ModelSpec& spec) {
  const std::int64_t period = settings.positive({"", {"global_attn_every_n_layers"}}).value_or(3);
  if (settings.config("layer_types") != nullptr || settings.list(settings::kSlidingPattern)) {
    return sliding_layers(settings, spec, period);
  }
  std::vector<bool> local(spec.layers.size());
  const std::int64_t every = settings.positive(settings::kSlidingPattern).value_or(period);
  for (std::size_t i = 0; i < local.size(); ++i) local[i] = static_cast<std::int64_t>(i) % every != 0;
  return local;
}

void read_ropes(const Settings& settings, ModelSpec& spec) {
  read_rope(settings, RopePairs::kHalfSplit, spec);
  // Early configurations have the bases beside each other.
  const auto global_base = settings.positive_number({"", {"global_rope_theta"}});
  if (global_base && settings.config("rope_parameters") == nullptr) spec.ropes.front().base = *global_base;
  add_sliding_rope(settings, {"rope.freq_base_swa", {"local_rope_theta"}}, 10000, spec);
}

ModelSpec read_modernbert(const Settings& settings) {
  ModelSpec spec = read_sizes(settings);
  spec.norm = {NormKind::kLayer, static_cast<float>(settings.number(settings::kLayerNormEpsilon).value_or(1e-5))};
  read_activation(settings, Activation::kGelu, spec);
  settings.boolean({"attention.causal", {"causal", "is_causal"}});
  // What the file says is the width of the whole window; a token is as far from its edges as half of that.
  const std::int64_t window = settings.positive({"attention.sliding_window", {"local_attention"}}).value_or(128);
  const std::vector<bool> local = local_layers(settings, spec);
  slide(local, window, spec);
  read_ropes(settings, spec);
  for (LayerSpec& layer : spec.layers) {
    Mask& mask = layer.attention().mask;
    const bool is_local = mask.kind == MaskKind::kSlidingWindow;
    mask = is_local ? Mask{.kind = MaskKind::kTwoSidedWindow, .window = window / 2 + 1}
                    : Mask{.kind = MaskKind::kBidirectional};
  }
  if (!spec.layers.empty()) spec.layers.front().norm_before_mixer = false;
  spec.embedding_norm = true;
  spec.has_logits = false;
  return spec;
}

constexpr OwnName kOwnNames[]{{NameScheme::kLlama, Weight::kTokenEmbedding, "embeddings.tok_embeddings"},
                              {NameScheme::kLlama, Weight::kEmbeddingNorm, "embeddings.norm"},
                              {NameScheme::kLlama, Weight::kOutputNorm, "final_norm"},
                              {NameScheme::kLlama, Weight::kAttentionNorm, "layers.{}.attn_norm"},
                              {NameScheme::kLlama, Weight::kQueryKeyValue, "layers.{}.attn.Wqkv"},
                              {NameScheme::kLlama, Weight::kAttentionOutput, "layers.{}.attn.Wo"},
                              {NameScheme::kLlama, Weight::kFfNorm, "layers.{}.mlp_norm"},
                              {NameScheme::kLlama, Weight::kFfGateUp, "layers.{}.mlp.Wi"},
                              {NameScheme::kLlama, Weight::kFfDown, "layers.{}.mlp.Wo"}};

}  // namespace

std::span<const Architecture> modernbert_family() {
  static constexpr Architecture kFamily[]{
      {"modern-bert", "modernbert", NameScheme::kLlama, read_modernbert, kOwnNames, FamilyKind::kEncoder}};
  return kFamily;
}

}  // namespace hearth
