// Encoders with a norm of each sum: BERT (Devlin et al. 2019), RoBERTa and XLM-RoBERTa (Conneau et al. 2020), whose
// positions begin behind that of padding, DistilBERT (Sanh et al. 2019) without types of text, and Nomic's BERT (2024)
// with a rope and a gate, or with experts; ELECTRA (Clark et al. 2020) and ALBERT (Lan et al. 2020), whose embeddings
// may be narrower, and whose layers are all the same one in ALBERT; MPNet (Song et al. 2020) with biases by distance;
// Jina's BERT 2 (Günther et al. 2023) with ALiBi and a gate, and Jina's third embeddings (Sturua et al. 2024) with a
// rope. Every token sees every other.
#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "base/error.h"
#include "model/architectures/common.h"
#include "model/architectures/expert_settings.h"
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

// Checkpoints call themselves BERT.
ModelSpec read_jina(const Settings& settings) {
  const auto type = settings.text({"", {"feed_forward_type"}}).value_or(settings.is_gguf() ? "geglu" : "original");
  if (type != "geglu" && type != "reglu") {
    throw Unsupported(
        fmt::format("{}: feed_forward_type '{}'; supported are geglu and reglu", settings.file_name(), type));
  }
  for (const std::string_view norm :
       {"encoder.layer.0.attention.self.layer_norm_q.weight", "blk.0.attn_q_norm.weight"}) {
    if (settings.source().find(norm) == nullptr) continue;
    throw Unsupported(
        fmt::format("{}: norms of queries and keys ('{}') are not supported", settings.file_name(), norm));
  }
  ModelSpec spec = read_encoder(settings, 1e-12);
  use_alibi(spec, settings.positive_number({"attention.max_alibi_bias"}).value_or(8));
  for (LayerSpec& layer : spec.layers) {
    layer.mlp().gated = true;
    layer.mlp().activation = type == "geglu" ? Activation::kGelu : Activation::kRelu;
  }
  spec.token_types = true;
  return spec;
}

ModelSpec read_bert(const Settings& settings) {
  refuse_if(settings, {"", {"is_decoder"}}, "an encoder's layers as a decoder");
  const auto positions = settings.text({"", {"position_embedding_type"}}).value_or("absolute");
  if (positions == "alibi") return read_jina(settings);
  if (positions != "absolute") {
    throw Unsupported(
        fmt::format("{}: position_embedding_type '{}'; supported is absolute", settings.file_name(), positions));
  }
  ModelSpec spec = read_encoder(settings, 1e-12);
  spec.learned_positions = true;
  spec.token_types = true;
  return spec;
}

// Embeddings are as wide as `embedding_size` says, with all that is added to them.
void read_embedding_width(const Settings& settings, ModelSpec& spec) {
  spec.embedding_width = settings.positive({"", {"embedding_size"}}).value_or(128);
  spec.projects_normed = true;
}

ModelSpec read_electra(const Settings& settings) {
  ModelSpec spec = read_bert(settings);
  read_embedding_width(settings, spec);
  return spec;
}

ModelSpec read_albert(const Settings& settings) {
  ModelSpec spec = read_bert(settings);
  read_embedding_width(settings, spec);
  read_activation(settings, Activation::kGeluTanh, spec);
  for (const std::string_view key : {"num_hidden_groups", "inner_group_num"}) {
    const std::int64_t count = settings.integer({"", {key}}).value_or(1);
    if (count == 1) continue;
    throw Unsupported(fmt::format("{}: setting '{}' is {}; supported is 1", settings.file_name(), key, count));
  }
  if (!spec.projects_embeddings()) {
    throw Unsupported(fmt::format("{}: setting 'embedding_size' is {}, that of the layers", settings.file_name(),
                                  spec.embedding_width));
  }
  return spec;
}

// GGUF files have lost the rows before the first position; they call themselves BERT.
ModelSpec read_behind_padding(const Settings& settings, std::int64_t padding) {
  ModelSpec spec = read_bert(settings);
  spec.position_offset = padding + 1;
  if (spec.position_offset < 0 || spec.position_offset >= spec.context_max) {
    throw InvalidInput(fmt::format("{}: setting 'pad_token_id' is {}; there are {} positions", settings.file_name(),
                                   spec.position_offset - 1, spec.context_max));
  }
  spec.context_max -= spec.position_offset;
  return spec;
}

ModelSpec read_roberta(const Settings& settings) {
  return read_behind_padding(settings, settings.integer({"", {"pad_token_id"}}).value_or(1));
}

// T5's buckets, 16 for each side, those of later keys behind the others: single distances up to 7, then steps of a
// factor sqrt(2), the last from 91 on.
std::vector<std::int32_t> mpnet_bias_rows() {
  constexpr std::int32_t kReach = 91, kBuckets = 16, kSingle = 8;
  std::vector<std::int32_t> rows;
  for (std::int32_t offset = -kReach; offset <= kReach; ++offset) {
    const std::int32_t distance = std::abs(offset);
    // kSingle + 2 log2(distance / 8), rounded down.
    const std::int32_t bucket =
        distance < kSingle ? distance : std::bit_width(static_cast<std::uint32_t>(distance * distance)) + 1;
    rows.push_back((offset > 0 ? kBuckets : 0) + std::min(bucket, kBuckets - 1));
  }
  return rows;
}

ModelSpec read_mpnet(const Settings& settings) {
  ModelSpec spec = read_behind_padding(settings, 1);  // whatever the file says
  spec.token_types = false;
  // Other programs take this number whatever the file says.
  const std::int64_t buckets = settings.integer({"", {"relative_attention_num_buckets"}}).value_or(32);
  if (buckets != 32) {
    throw Unsupported(fmt::format("{}: setting 'relative_attention_num_buckets' is {}; supported is 32",
                                  settings.file_name(), buckets));
  }
  for (LayerSpec& layer : spec.layers) layer.attention().bias_rows = mpnet_bias_rows();
  return spec;
}

ModelSpec read_distilbert(const Settings& settings) {
  ModelSpec spec = read_encoder(settings, 1e-12);
  spec.learned_positions = true;
  return spec;
}

ModelSpec read_nomic(const Settings& settings) {
  if (settings.positive({"", {"num_experts"}})) {
    throw Unsupported(fmt::format(
        "{}: checkpoints of Nomic's BERT with experts are not supported, their GGUF files are", settings.file_name()));
  }
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

// Without the small matrices for each task that may be added to its own.
ModelSpec read_jina3(const Settings& settings) {
  const auto positions = settings.text({"", {"position_embedding_type"}}).value_or("rotary");
  if (positions != "rotary") {
    throw Unsupported(
        fmt::format("{}: position_embedding_type '{}'; supported is rotary", settings.file_name(), positions));
  }
  ModelSpec spec = read_encoder(settings, 1e-5);
  read_rope(settings, RopePairs::kHalfSplit, spec);
  spec.token_types = settings.is_gguf() ? settings.source().find("token_types.weight") != nullptr
                                        : settings.integer({"", {"type_vocab_size"}}).value_or(1) > 0;
  return spec;
}

// Experts in every so many layers; no part has a gate.
ModelSpec read_nomic_moe(const Settings& settings) {
  ModelSpec spec = read_nomic(settings);
  ExpertsSpec experts = read_experts(settings, {.gguf_normalize = false});
  experts.gated = false;
  experts.activation = Activation::kGelu;
  const std::int64_t every = settings.required({"moe_every_n_layers"}, spec.layer_count());
  for (std::int64_t i = 0; i < spec.layer_count(); ++i) {
    LayerSpec& layer = spec.layers[static_cast<std::size_t>(i)];
    layer.mlp().gated = false;
    if (i % every == 1) layer.feed_forward = experts;
  }
  return spec;
}

constexpr OwnName kBertNames[]{
    {NameScheme::kLlama, Weight::kEmbeddingProjection, "embeddings_project"},
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
    {NameScheme::kLlama, Weight::kFfGateUp, "encoder.layer.{}.mlp.gated_layers"},
    {NameScheme::kLlama, Weight::kFfDown, "encoder.layer.{0}.output.dense|encoder.layer.{0}.mlp.wo"},
    {NameScheme::kLlama, Weight::kFfPostNorm, "encoder.layer.{0}.output.LayerNorm|encoder.layer.{0}.mlp.layernorm"}};

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

constexpr OwnName kAlbertNames[]{
    {NameScheme::kLlama, Weight::kTokenEmbedding, "embeddings.word_embeddings"},
    {NameScheme::kLlama, Weight::kPositionEmbedding, "embeddings.position_embeddings"},
    {NameScheme::kLlama, Weight::kTokenTypeEmbedding, "embeddings.token_type_embeddings"},
    {NameScheme::kLlama, Weight::kEmbeddingNorm, "embeddings.LayerNorm"},
    {NameScheme::kLlama, Weight::kEmbeddingProjection, "encoder.embedding_hidden_mapping_in"},
    {NameScheme::kLlama, Weight::kQuery, "encoder.albert_layer_groups.0.albert_layers.0.attention.query"},
    {NameScheme::kLlama, Weight::kKey, "encoder.albert_layer_groups.0.albert_layers.0.attention.key"},
    {NameScheme::kLlama, Weight::kValue, "encoder.albert_layer_groups.0.albert_layers.0.attention.value"},
    {NameScheme::kLlama, Weight::kAttentionOutput, "encoder.albert_layer_groups.0.albert_layers.0.attention.dense"},
    {NameScheme::kLlama, Weight::kAttentionPostNorm,
     "encoder.albert_layer_groups.0.albert_layers.0.attention.LayerNorm"},
    {NameScheme::kLlama, Weight::kFfUp, "encoder.albert_layer_groups.0.albert_layers.0.ffn"},
    {NameScheme::kLlama, Weight::kFfDown, "encoder.albert_layer_groups.0.albert_layers.0.ffn_output"},
    {NameScheme::kLlama, Weight::kFfPostNorm, "encoder.albert_layer_groups.0.albert_layers.0.full_layer_layer_norm"}};

constexpr OwnName kMpnetNames[]{
    {NameScheme::kLlama, Weight::kTokenEmbedding, "embeddings.word_embeddings"},
    {NameScheme::kLlama, Weight::kPositionEmbedding, "embeddings.position_embeddings"},
    {NameScheme::kLlama, Weight::kEmbeddingNorm, "embeddings.LayerNorm"},
    {NameScheme::kLlama, Weight::kDistanceBiases, "encoder.relative_attention_bias.weight"},
    {NameScheme::kLlama, Weight::kQuery, "encoder.layer.{}.attention.attn.q"},
    {NameScheme::kLlama, Weight::kKey, "encoder.layer.{}.attention.attn.k"},
    {NameScheme::kLlama, Weight::kValue, "encoder.layer.{}.attention.attn.v"},
    {NameScheme::kLlama, Weight::kAttentionOutput, "encoder.layer.{}.attention.attn.o"},
    {NameScheme::kLlama, Weight::kAttentionPostNorm, "encoder.layer.{}.attention.LayerNorm"},
    {NameScheme::kLlama, Weight::kFfUp, "encoder.layer.{}.intermediate.dense"},
    {NameScheme::kLlama, Weight::kFfDown, "encoder.layer.{}.output.dense"},
    {NameScheme::kLlama, Weight::kFfPostNorm, "encoder.layer.{}.output.LayerNorm"}};

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

constexpr OwnName kJina3Names[]{{NameScheme::kGguf, Weight::kAttentionPostNorm, "blk.{}.attn_output_norm"},
                                {NameScheme::kGguf, Weight::kFfPostNorm, "blk.{}.layer_output_norm"},
                                {NameScheme::kLlama, Weight::kTokenEmbedding, "embeddings.word_embeddings"},
                                {NameScheme::kLlama, Weight::kTokenTypeEmbedding, "embeddings.token_type_embeddings"},
                                {NameScheme::kLlama, Weight::kEmbeddingNorm, "emb_ln"},
                                {NameScheme::kLlama, Weight::kQueryKeyValue, "encoder.layers.{}.mixer.Wqkv"},
                                {NameScheme::kLlama, Weight::kAttentionOutput, "encoder.layers.{}.mixer.out_proj"},
                                {NameScheme::kLlama, Weight::kAttentionPostNorm, "encoder.layers.{}.norm1"},
                                {NameScheme::kLlama, Weight::kFfUp, "encoder.layers.{}.mlp.fc1"},
                                {NameScheme::kLlama, Weight::kFfDown, "encoder.layers.{}.mlp.fc2"},
                                {NameScheme::kLlama, Weight::kFfPostNorm, "encoder.layers.{}.norm2"}};

}  // namespace

std::span<const Architecture> bert_family() {
  static constexpr Architecture kFamily[]{
      {"bert", "bert", NameScheme::kLlama, read_bert, kBertNames, FamilyKind::kEncoder},
      {"", "xlm-roberta", NameScheme::kLlama, read_roberta, kBertNames, FamilyKind::kEncoder},
      {"", "roberta", NameScheme::kLlama, read_roberta, kBertNames, FamilyKind::kEncoder},
      {"", "camembert", NameScheme::kLlama, read_roberta, kBertNames, FamilyKind::kEncoder},
      {"jina-bert-v2", "", NameScheme::kLlama, read_jina, kBertNames, FamilyKind::kEncoder},
      {"jina-bert-v3", "jina_embeddings_v3", NameScheme::kLlama, read_jina3, kJina3Names, FamilyKind::kEncoder},
      {"", "electra", NameScheme::kLlama, read_electra, kBertNames, FamilyKind::kEncoder},
      {"", "albert", NameScheme::kLlama, read_albert, kAlbertNames, FamilyKind::kEncoder},
      {"", "mpnet", NameScheme::kLlama, read_mpnet, kMpnetNames, FamilyKind::kEncoder},
      {"", "distilbert", NameScheme::kLlama, read_distilbert, kDistilbertNames, FamilyKind::kEncoder},
      {"nomic-bert-moe", "", NameScheme::kLlama, read_nomic_moe, kNomicNames, FamilyKind::kEncoder},
      {"nomic-bert", "nomic_bert", NameScheme::kLlama, read_nomic, kNomicNames, FamilyKind::kEncoder}};
  return kFamily;
}

}  // namespace hearth
