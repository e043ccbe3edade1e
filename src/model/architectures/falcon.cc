// Falcon (Almazrouei et al. 2023) in three forms: one key/value head with both halves of a layer side by side behind
// one LayerNorm (7B), groups of heads with a norm for each half (40B and later), or one half after the other (RW).
// RW's have ALiBi in place of a rope, of the scores before they are scaled. (Its published code rounds the biases to
// bf16, as a cache of them; here they are exact.)
#include "base/error.h"
#include "model/architectures/common.h"
#include "model/architectures/families.h"

namespace hearth {
namespace {

ModelSpec read_falcon(const Settings& settings) {
  ModelSpec spec = read_layer_norm_decoder(settings, RopePairs::kHalfSplit, Activation::kGelu, 2048);
  const bool is_gguf = settings.is_gguf();
  const bool grouped = settings.boolean({"", {"new_decoder_architecture"}}).value_or(false);
  const bool multi_query = settings.boolean({"", {"multi_query"}}).value_or(true);
  const bool parallel = settings.boolean({"use_parallel_residual", {"parallel_attn"}}).value_or(true);
  const bool alibi = settings.boolean({"", {"alibi"}}).value_or(false);
  const double max_bias = settings.positive_number({"attention.max_alibi_bias", {}}).value_or(alibi ? 8 : 0);
  settings.integer({"", {"num_ln_in_parallel_attn"}});  // the file has one norm or two
  spec.interleaved_qkv_heads = !is_gguf;
  for (LayerSpec& layer : spec.layers) {
    AttentionSpec& attention = layer.attention();
    if (!is_gguf && !grouped) attention.kv_head_count = multi_query ? 1 : attention.head_count;
    layer.parallel = grouped || parallel;
    layer.mlp().gated = false;
  }
  if (max_bias > 0) use_alibi(spec, max_bias, spec.layers.front().attention().scale);
  return spec;
}

constexpr OwnName kOwnNames[]{
    {NameScheme::kGguf, Weight::kAttentionNorm, "blk.{0}.attn_norm_2|blk.{0}.attn_norm"},
    {NameScheme::kGguf, Weight::kFfNorm, "blk.{0}.ffn_norm|blk.{0}.attn_norm"},
    {NameScheme::kGpt2, Weight::kTokenEmbedding, "transformer.word_embeddings"},
    {NameScheme::kGpt2, Weight::kAttentionNorm, "transformer.h.{0}.ln_attn|transformer.h.{0}.input_layernorm"},
    {NameScheme::kGpt2, Weight::kFfNorm, "transformer.h.{0}.ln_mlp|transformer.h.{0}.post_attention_layernorm"},
    {NameScheme::kGpt2, Weight::kQueryKeyValue, "transformer.h.{}.self_attention.query_key_value"},
    {NameScheme::kGpt2, Weight::kAttentionOutput, "transformer.h.{}.self_attention.dense"},
    {NameScheme::kGpt2, Weight::kFfUp, "transformer.h.{}.mlp.dense_h_to_4h"},
    {NameScheme::kGpt2, Weight::kFfDown, "transformer.h.{}.mlp.dense_4h_to_h"}};

}  // namespace

std::span<const Architecture> falcon_family() {
  static constexpr Architecture kFamily[]{{"falcon", "falcon", NameScheme::kGpt2, read_falcon, kOwnNames}};
  return kFamily;
}

}  // namespace hearth
