// GPT-NeoX and Pythia (Black et al. 2022, Biderman et al. 2023): LayerNorm, biases, fused projections head by head, a
// rope over a part of each head, and usually both halves of a layer side by side, each with its norm.
#include "model/architectures/common.h"
#include "model/architectures/families.h"

namespace hearth {
namespace {

ModelSpec read_gpt_neox(const Settings& settings) {
  ModelSpec spec = read_layer_norm_decoder(settings, RopePairs::kHalfSplit, Activation::kGelu);
  spec.interleaved_qkv_heads = !settings.is_gguf();
  const bool parallel = settings.boolean({"use_parallel_residual", {"use_parallel_residual"}}).value_or(true);
  for (LayerSpec& layer : spec.layers) {
    layer.parallel = parallel;
    layer.mlp().gated = false;
  }
  return spec;
}

constexpr OwnName kOwnNames[]{
    {NameScheme::kLlama, Weight::kTokenEmbedding, "gpt_neox.embed_in"},
    {NameScheme::kLlama, Weight::kOutputNorm, "gpt_neox.final_layer_norm"},
    {NameScheme::kLlama, Weight::kOutput, "embed_out"},
    {NameScheme::kLlama, Weight::kAttentionNorm, "gpt_neox.layers.{}.input_layernorm"},
    {NameScheme::kLlama, Weight::kQuery, ""},
    {NameScheme::kLlama, Weight::kKey, ""},
    {NameScheme::kLlama, Weight::kValue, ""},
    {NameScheme::kLlama, Weight::kQueryKeyValue, "gpt_neox.layers.{}.attention.query_key_value"},
    {NameScheme::kLlama, Weight::kAttentionOutput, "gpt_neox.layers.{}.attention.dense"},
    {NameScheme::kLlama, Weight::kFfNorm, "gpt_neox.layers.{}.post_attention_layernorm"},
    {NameScheme::kLlama, Weight::kFfUp, "gpt_neox.layers.{}.mlp.dense_h_to_4h"},
    {NameScheme::kLlama, Weight::kFfDown, "gpt_neox.layers.{}.mlp.dense_4h_to_h"}};

}  // namespace

std::span<const Architecture> gpt_neox_family() {
  static constexpr Architecture kFamily[]{{"gptneox", "gpt_neox", NameScheme::kLlama, read_gpt_neox, kOwnNames}};
  return kFamily;
}

}  // namespace hearth
