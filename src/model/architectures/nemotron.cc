// Nemotron 4 and Minitron (Parmar et al. 2024), Persimmon (Adept 2023) and Jais 2 (MBZUAI 2025): LayerNorm, a plain
// feed-forward part with squared ReLU, a rope, but for Jais's over half of each head. Nemotron's checkpoints store
// norms less one; Persimmon fuses its projections head by head and norms queries and keys.
#include "model/architectures/common.h"
#include "model/architectures/families.h"

namespace hearth {
namespace {

ModelSpec read_jais2(const Settings& settings) {
  ModelSpec spec = read_layer_norm_decoder(settings, RopePairs::kHalfSplit, Activation::kReluSquared);
  for (LayerSpec& layer : spec.layers) layer.mlp().gated = false;
  return spec;
}

ModelSpec read_nemotron(const Settings& settings) {
  ModelSpec spec = read_jais2(settings);
  spec.norm.weight_offset = settings.is_gguf() ? 0 : 1;
  return spec;
}

ModelSpec read_persimmon(const Settings& settings) {
  ModelSpec spec = read_layer_norm_decoder(settings, RopePairs::kHalfSplit, Activation::kReluSquared);
  spec.interleaved_qkv_heads = true;
  const bool has_norms = settings.boolean({"", {"qk_layernorm"}}).value_or(true);
  for (LayerSpec& layer : spec.layers) {
    layer.mlp().gated = false;
    if (has_norms) norm_query_and_key(layer.attention(), NormKind::kLayer);
  }
  return spec;
}

constexpr OwnName kPersimmonNames[]{
    {NameScheme::kLlama, Weight::kOutputNorm, "model.final_layernorm"},
    {NameScheme::kLlama, Weight::kQueryKeyValue, "model.layers.{}.self_attn.query_key_value"},
    {NameScheme::kLlama, Weight::kQueryNorm, "model.layers.{}.self_attn.q_layernorm"},
    {NameScheme::kLlama, Weight::kKeyNorm, "model.layers.{}.self_attn.k_layernorm"},
    {NameScheme::kLlama, Weight::kAttentionOutput, "model.layers.{}.self_attn.dense"},
    {NameScheme::kLlama, Weight::kFfUp, "model.layers.{}.mlp.dense_h_to_4h"},
    {NameScheme::kLlama, Weight::kFfDown, "model.layers.{}.mlp.dense_4h_to_h"}};

}  // namespace

std::span<const Architecture> nemotron_family() {
  static constexpr Architecture kFamily[]{{"nemotron", "nemotron", NameScheme::kLlama, read_nemotron},
                                          {"jais2", "jais2", NameScheme::kLlama, read_jais2},
                                          {"", "persimmon", NameScheme::kLlama, read_persimmon, kPersimmonNames}};
  return kFamily;
}

}  // namespace hearth
