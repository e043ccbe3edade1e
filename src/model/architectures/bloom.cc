// Bloom (BigScience Workshop 2022): ALiBi, a LayerNorm of the embeddings, fused projections head by head, biases
// everywhere. GGUF files do not say how steep the biases are.
#include "model/architectures/common.h"
#include "model/architectures/families.h"

namespace hearth {
namespace {

ModelSpec read_bloom(const Settings& settings) {
  ModelSpec spec = read_sizes(settings, std::nullopt, AttentionLayers::kAll, 2048);
  spec.norm = {NormKind::kLayer, static_cast<float>(settings.number(settings::kLayerNormEpsilon).value_or(1e-5))};
  read_activation(settings, Activation::kGeluTanh, spec);
  const bool adds_to_norm = settings.boolean({"", {"apply_residual_connection_post_layernorm"}}).value_or(false);
  for (LayerSpec& layer : spec.layers) {
    layer.mlp().gated = false;
    layer.adds_to_norm = adds_to_norm;
  }
  use_alibi(spec, settings.positive_number({"attention.max_alibi_bias", {}}).value_or(8));
  spec.embedding_norm = true;
  spec.interleaved_qkv_heads = !settings.is_gguf();
  return spec;
}

constexpr OwnName kOwnNames[]{
    {NameScheme::kGpt2, Weight::kTokenEmbedding, "transformer.word_embeddings"},
    {NameScheme::kGpt2, Weight::kEmbeddingNorm, "transformer.word_embeddings_layernorm"},
    {NameScheme::kGpt2, Weight::kAttentionNorm, "transformer.h.{}.input_layernorm"},
    {NameScheme::kGpt2, Weight::kQueryKeyValue, "transformer.h.{}.self_attention.query_key_value"},
    {NameScheme::kGpt2, Weight::kAttentionOutput, "transformer.h.{}.self_attention.dense"},
    {NameScheme::kGpt2, Weight::kFfNorm, "transformer.h.{}.post_attention_layernorm"},
    {NameScheme::kGpt2, Weight::kFfUp, "transformer.h.{}.mlp.dense_h_to_4h"},
    {NameScheme::kGpt2, Weight::kFfDown, "transformer.h.{}.mlp.dense_4h_to_h"}};

}  // namespace

std::span<const Architecture> bloom_family() {
  static constexpr Architecture kFamily[]{{"bloom", "bloom", NameScheme::kGpt2, read_bloom, kOwnNames}};
  return kFamily;
}

}  // namespace hearth
