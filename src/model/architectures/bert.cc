// Encoders with a norm of each sum: BERT (Devlin et al. 2019), RoBERTa and XLM-RoBERTa (Conneau et al. 2020), whose
// positions begin behind that of padding, DistilBERT (Sanh et al. 2019) without types of text, and Nomic's BERT (2024)
// with a rope and a gate. Every token sees every other.
#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "model/architectures/common.h"
#include "model/architectures/families.h"

namespace hearth {
namespace {

// What they share; the feed-forward part is plain, with GELU.
ModelSpec read_encoder(const Settings& settings, double epsilon) {
  ModelSpec spec = read_sizes(settings);
  spec.norm = {NormKind::kLayer, static_cast<float>(settings.number(settings::kLayerNormEpsilon).value_or(epsilon))};
  read_activation(settings, Activation::kGelu, spec);
  settings.boolean({"attention.causal", {"causal", "is_causal"}});  // files say false of what is so by its family
  for (LayerSpec& layer : spec.layers) {
    layer.norm_before = false;
    layer.norm_of_sum = true;
    layer.attention().mask = {.kind = MaskKind::kBidirectional};
    layer.mlp().gated = false;
  }
  spec.embedding_norm = true;
  spec.output_norm = false;
  spec.has_logits = false;
  return spec;
}

ModelSpec read_bert(const Settings& settings) {
  refuse_if(settings, {"", {"is_decoder"}}, "an encoder's layers as a decoder");
  const auto positions = settings.text({"", {"position_embedding_type"}}).value_or("absolute");
  if (positions != "absolute") {
    throw Unsupported(
        fmt::format("{}: position_embedding_type '{}'; supported is absolute", settings.file_name(), positions));
  }
  ModelSpec spec = read_encoder(settings, 1e-12);
  spec.learned_positions = true;
  spec.token_types = true;
  return spec;
}

// GGUF files have lost the rows before the first position; they call themselves BERT.
ModelSpec read_roberta(const Settings& settings) {
  ModelSpec spec = read_bert(settings);
  spec.position_offset = settings.integer({"", {"pad_token_id"}}).value_or(1) + 1;
  if (spec.position_offset < 0 || spec.position_offset >= spec.context_max) {
    throw InvalidInput(fmt::format("{}: setting 'pad_token_id' is {}; there are {} positions", settings.file_name(),
                                   spec.position_offset - 1, spec.context_max));
  }
  spec.context_max -= spec.position_offset;
  return spec;
}

ModelSpec read_distilbert(const Settings& settings) {
  ModelSpec spec = read_encoder(settings, 1e-12);
  spec.learned_positions = true;
  return spec;
}

ModelSpec read_nomic(const Settings& settings) {
  refuse_if(settings, {"", {"prenorm"}}, "a norm before each part");
  refuse_if(settings, {"", {"parallel_block"}}, "both halves of a layer side by side");
  refuse_if(settings, {"", {"use_rms_norm"}}, "an RMS norm");
  ModelSpec spec = read_encoder(settings, 1e-12);
  const bool adjacent = settings.boolean({"", {"rotary_emb_interleaved"}}).value_or(false);
  read_rope(settings, RopePairs::kHalfSplit, spec, adjacent ? RopePairs::kAdjacent : RopePairs::kHalfSplit);
  for (LayerSpec& layer : spec.layers) layer.mlp().gated = true;
  if (!settings.boolean({"", {"scale_attn_weights"}}).value_or(true)) {
    for (LayerSpec& layer : spec.layers) layer.attention().scale = 1;
  }
  // Past what it was trained for, a text of each length would have a rope of its own.
  if (settings.positive_number({"", {"rotary_scaling_factor"}})) {
    const std::int64_t trained = settings.positive({"", {"max_trained_positions"}}).value_or(2048);
    spec.context_max = std::min(spec.context_max, trained);
  }
  spec.token_types = settings.is_gguf() || settings.integer({"", {"type_vocab_size"}}).value_or(2) > 0;
  return spec;
}

constexpr OwnName kBertNames[]{
    {NameScheme::kGguf, Weight::kAttentionPostNorm, "blk.{}.attn_output_norm"},
    {NameScheme::kGguf, Weight::kFfPostNorm, "blk.{}.layer_output_norm"},
    {NameScheme::kLlama, Weight::kTokenEmbedding, "embeddings.word_embeddings"},
    {NameScheme::kLlama, Weight::kPositionEmbedding, "embeddings.position_embeddings"},
    {NameScheme::kLlama, Weight::kTokenTypeEmbedding, "embeddings.token_type_embeddings"},
    {NameScheme::kLlama, Weight::kEmbeddingNorm, "embeddings.LayerNorm"},
    {NameScheme::kLlama, Weight::kQuery, "encoder.layer.{}.attention.self.query"},
    {NameScheme::kLlama, Weight::kKey, "encoder.layer.{}.attention.self.key"},
    {NameScheme::kLlama, Weight::kValue, "encoder.layer.{}.attention.self.value"},
    {NameScheme::kLlama, Weight::kAttentionOutput, "encoder.layer.{}.attention.output.dense"},
    {NameScheme::kLlama, Weight::kAttentionPostNorm, "encoder.layer.{}.attention.output.LayerNorm"},
    {NameScheme::kLlama, Weight::kFfUp, "encoder.layer.{}.intermediate.dense"},
    {NameScheme::kLlama, Weight::kFfDown, "encoder.layer.{}.output.dense"},
    {NameScheme::kLlama, Weight::kFfPostNorm, "encoder.layer.{}.output.LayerNorm"}};

constexpr OwnName kDistilbertNames[]{
    {NameScheme::kLlama, Weight::kTokenEmbedding, "embeddings.word_embeddings"},
    {NameScheme::kLlama, Weight::kPositionEmbedding, "embeddings.position_embeddings"},
    {NameScheme::kLlama, Weight::kEmbeddingNorm, "embeddings.LayerNorm"},
    {NameScheme::kLlama, Weight::kQuery, "transformer.layer.{}.attention.q_lin"},
    {NameScheme::kLlama, Weight::kKey, "transformer.layer.{}.attention.k_lin"},
    {NameScheme::kLlama, Weight::kValue, "transformer.layer.{}.attention.v_lin"},
    {NameScheme::kLlama, Weight::kAttentionOutput, "transformer.layer.{}.attention.out_lin"},
    {NameScheme::kLlama, Weight::kAttentionPostNorm, "transformer.layer.{}.sa_layer_norm"},
    {NameScheme::kLlama, Weight::kFfUp, "transformer.layer.{}.ffn.lin1"},
    {NameScheme::kLlama, Weight::kFfDown, "transformer.layer.{}.ffn.lin2"},
    {NameScheme::kLlama, Weight::kFfPostNorm, "transformer.layer.{}.output_layer_norm"}};

constexpr OwnName kNomicNames[]{{NameScheme::kGguf, Weight::kAttentionPostNorm, "blk.{}.attn_output_norm"},
                                {NameScheme::kGguf, Weight::kFfPostNorm, "blk.{}.layer_output_norm"},
                                {NameScheme::kLlama, Weight::kTokenEmbedding, "embeddings.word_embeddings"},
                                {NameScheme::kLlama, Weight::kTokenTypeEmbedding, "embeddings.token_type_embeddings"},
                                {NameScheme::kLlama, Weight::kEmbeddingNorm, "emb_ln"},
                                {NameScheme::kLlama, Weight::kQueryKeyValue, "encoder.layers.{}.attn.Wqkv"},
                                {NameScheme::kLlama, Weight::kAttentionOutput, "encoder.layers.{}.attn.out_proj"},
                                {NameScheme::kLlama, Weight::kAttentionPostNorm, "encoder.layers.{}.norm1"},
                                {NameScheme::kLlama, Weight::kFfGate, "encoder.layers.{}.mlp.fc12"},
                                {NameScheme::kLlama, Weight::kFfUp, "encoder.layers.{}.mlp.fc11"},
                                {NameScheme::kLlama, Weight::kFfDown, "encoder.layers.{}.mlp.fc2"},
                                {NameScheme::kLlama, Weight::kFfPostNorm, "encoder.layers.{}.norm2"}};

}  // namespace

std::span<const Architecture> bert_family() {
  static constexpr Architecture kFamily[]{
      {"bert", "bert", NameScheme::kLlama, read_bert, kBertNames, FamilyKind::kEncoder},
      {"", "xlm-roberta", NameScheme::kLlama, read_roberta, kBertNames, FamilyKind::kEncoder},
      {"", "roberta", NameScheme::kLlama, read_roberta, kBertNames, FamilyKind::kEncoder},
      {"", "camembert", NameScheme::kLlama, read_roberta, kBertNames, FamilyKind::kEncoder},
      {"", "distilbert", NameScheme::kLlama, read_distilbert, kDistilbertNames, FamilyKind::kEncoder},
      {"nomic-bert", "nomic_bert", NameScheme::kLlama, read_nomic, kNomicNames, FamilyKind::kEncoder}};
  return kFamily;
}

}  // namespace hearth
