// nanochat (Karpathy 2025): norms without weights, of embeddings too, and of queries and keys behind a rope that turns
// the other way round; a plain feed-forward part with squared ReLU, and a cap on the logits.
#include "model/architectures/common.h"
#include "model/architectures/families.h"

namespace hearth {
namespace {

ModelSpec read_nanochat(const Settings& settings) {
  ModelSpec spec =
      read_gated_decoder(settings, {.gguf_pairs = RopePairs::kHalfSplit, .activation = Activation::kReluSquared});
  spec.norm.has_weights = false;
  spec.embedding_norm = true;
  spec.logit_softcap = static_cast<float>(settings.positive_number(settings::kLogitSoftcap).value_or(0));
  RopeSpec& rope = spec.ropes.front();
  rope.frequency_divisors.assign(static_cast<std::size_t>(rope.rotary_dim / 2), -1.0);
  for (LayerSpec& layer : spec.layers) {
    layer.mlp().gated = false;
    norm_query_and_key(layer.attention(), NormKind::kRms);
    layer.attention().query_key_norm_rotated = true;
  }
  return spec;
}

// Norms have no tensors; what has a name in the plan has this one.
constexpr OwnName kOwnNames[]{{NameScheme::kLlama, Weight::kEmbeddingNorm, "model.embedding_norm"},
                              {NameScheme::kLlama, Weight::kFfUp, "model.layers.{}.mlp.fc1"},
                              {NameScheme::kLlama, Weight::kFfDown, "model.layers.{}.mlp.fc2"}};

}  // namespace

std::span<const Architecture> nanochat_family() {
  static constexpr Architecture kFamily[]{{"", "nanochat", NameScheme::kLlama, read_nanochat, kOwnNames}};
  return kFamily;
}

}  // namespace hearth
