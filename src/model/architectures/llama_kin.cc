// Families of Llama's shape with small differences: Seed-OSS (ByteDance 2025), whose GGUF files call the second norm
// otherwise; ERNIE 4.5 (Baidu 2025), whose rope has adjacent pairs; Arcee (2025), without a gate; HunYuan (Tencent
// 2025), dense or of experts, which norms queries and keys behind the rope; Helium (Kyutai 2025); InternLM 2 (Cai et
// al. 2024), whose projections are fused group by group; EuroBERT (Boizard et al. 2025), whose tokens see both ways.
#include <fmt/format.h>

#include "base/error.h"
#include "model/architectures/common.h"
#include "model/architectures/expert_settings.h"
#include "model/architectures/families.h"

namespace hearth {
namespace {

ModelSpec read_seed_oss(const Settings& settings) {
  return read_gated_decoder(settings, {.gguf_pairs = RopePairs::kHalfSplit});
}

ModelSpec read_ernie(const Settings& settings) {
  ModelSpec spec = read_gated_decoder(
      settings, {.gguf_pairs = RopePairs::kAdjacent, .config_pairs = RopePairs::kAdjacent, .epsilon = 1e-5});
  spec.ff_scales = true;
  return spec;
}

ModelSpec read_ernie_moe(const Settings& settings) {
  ModelSpec spec = read_ernie(settings);
  ExpertsSpec experts = read_experts(settings, {.normalize = true, .gguf_normalize = true, .sum_min = 1e-12f});
  if (const auto smallest = settings.positive_number({"", {"moe_norm_min"}})) {
    experts.routing.sum_min = static_cast<float>(*smallest);
  }
  const std::int64_t first = settings.integer({"leading_dense_block_count", {"moe_layer_start_index"}}).value_or(0);
  const std::int64_t last = settings.integer({"", {"moe_layer_end_index"}}).value_or(-1);
  const std::int64_t step = settings.positive({"interleave_moe_layer_step", {"moe_layer_interval"}}).value_or(1);
  for (std::int64_t i = first; i < spec.layer_count() && (last < 0 || i <= last); ++i) {
    if ((i + 1) % step == 0) spec.layers[static_cast<std::size_t>(i)].feed_forward = experts;
  }
  return spec;
}

ModelSpec read_arcee(const Settings& settings) {
  ModelSpec spec =
      read_gated_decoder(settings, {.gguf_pairs = RopePairs::kAdjacent, .activation = Activation::kReluSquared});
  for (LayerSpec& layer : spec.layers) layer.mlp().gated = false;
  return spec;
}

ModelSpec read_hunyuan(const Settings& settings) {
  ModelSpec spec = read_gated_decoder(settings, {.gguf_pairs = RopePairs::kHalfSplit,
                                                 .epsilon = 1e-5,
                                                 .config_head_dim = settings.positive({"", {"attention_head_dim"}})});
  spec.ff_scales = true;
  if (settings.boolean({"", {"use_rotary_pos_emb"}}) == false) {
    throw Unsupported(fmt::format("{}: setting 'use_rotary_pos_emb' is false", settings.file_name()));
  }
  refuse_if(settings, {"", {"use_cla"}}, "attention to another layer's keys (use_cla)");
  for (LayerSpec& layer : spec.layers) {
    norm_query_and_key(layer.attention(), NormKind::kRms);
    layer.attention().query_key_norm_rotated = true;
  }
  return spec;
}

// The one that all tokens ask is as wide as so many of the others.
ModelSpec read_hunyuan_moe(const Settings& settings) {
  ModelSpec spec = read_hunyuan(settings);
  spec.ff_scales = false;
  ExpertsSpec experts = read_experts(settings, {.normalize = true, .gguf_normalize = true});
  const std::int64_t shared = settings.positive({"", {"num_shared_expert"}}).value_or(1) * experts.width;
  experts.shared_width = settings.positive(settings::kSharedWidth).value_or(shared);
  give_experts(settings, experts, spec);
  return spec;
}

ModelSpec read_helium(const Settings& settings) {
  return read_gated_decoder(
      settings, {.gguf_pairs = RopePairs::kAdjacent, .config_pairs = RopePairs::kAdjacent, .epsilon = 1e-8});
}

ModelSpec read_internlm2(const Settings& settings) {
  ModelSpec spec = read_gated_decoder(settings, {.gguf_pairs = RopePairs::kAdjacent});
  spec.interleaved_qkv_heads = !settings.is_gguf();
  return spec;
}

ModelSpec read_eurobert(const Settings& settings) {
  ModelSpec spec = read_gated_decoder(settings, {.gguf_pairs = RopePairs::kHalfSplit, .epsilon = 1e-5});
  settings.boolean({"attention.causal", {"causal", "is_causal"}});
  for (LayerSpec& layer : spec.layers) layer.attention().mask = {.kind = MaskKind::kBidirectional};
  spec.has_logits = false;
  return spec;
}

constexpr OwnName kHunyuanNames[]{
    {NameScheme::kLlama, Weight::kQueryNorm, "model.layers.{}.self_attn.query_layernorm"},
    {NameScheme::kLlama, Weight::kKeyNorm, "model.layers.{}.self_attn.key_layernorm"},
    {NameScheme::kLlama, Weight::kRouter, "model.layers.{}.mlp.gate.wg"},
    {NameScheme::kLlama, Weight::kSharedGate, "model.layers.{}.mlp.shared_mlp.gate_proj"},
    {NameScheme::kLlama, Weight::kSharedUp, "model.layers.{}.mlp.shared_mlp.up_proj"},
    {NameScheme::kLlama, Weight::kSharedDown, "model.layers.{}.mlp.shared_mlp.down_proj"}};
constexpr OwnName kInternlmNames[]{{NameScheme::kLlama, Weight::kTokenEmbedding, "model.tok_embeddings"},
                                   {NameScheme::kLlama, Weight::kOutput, "output"},
                                   {NameScheme::kLlama, Weight::kAttentionNorm, "model.layers.{}.attention_norm"},
                                   {NameScheme::kLlama, Weight::kQueryKeyValue, "model.layers.{}.attention.wqkv"},
                                   {NameScheme::kLlama, Weight::kAttentionOutput, "model.layers.{}.attention.wo"},
                                   {NameScheme::kLlama, Weight::kFfNorm, "model.layers.{}.ffn_norm"},
                                   {NameScheme::kLlama, Weight::kFfGate, "model.layers.{}.feed_forward.w1"},
                                   {NameScheme::kLlama, Weight::kFfUp, "model.layers.{}.feed_forward.w3"},
                                   {NameScheme::kLlama, Weight::kFfDown, "model.layers.{}.feed_forward.w2"}};
constexpr OwnName kErnieNames[]{
    {NameScheme::kLlama, Weight::kRouterBias, "model.layers.{}.mlp.moe_statics.e_score_correction_bias"}};
constexpr OwnName kSeedNames[]{{NameScheme::kGguf, Weight::kFfNorm, "blk.{}.post_attention_norm"}};

}  // namespace

std::span<const Architecture> llama_kin_family() {
  static constexpr Architecture kFamily[]{
      {"seed_oss", "seed_oss", NameScheme::kLlama, read_seed_oss, kSeedNames},
      {"ernie4_5", "ernie4_5", NameScheme::kLlama, read_ernie},
      {"ernie4_5-moe", "ernie4_5_moe", NameScheme::kLlama, read_ernie_moe, kErnieNames, FamilyKind::kExperts},
      {"arcee", "arcee", NameScheme::kLlama, read_arcee},
      {"hunyuan-dense", "hunyuan_v1_dense", NameScheme::kLlama, read_hunyuan, kHunyuanNames},
      {"hunyuan-moe", "hunyuan_v1_moe", NameScheme::kLlama, read_hunyuan_moe, kHunyuanNames, FamilyKind::kExperts},
      {"", "helium", NameScheme::kLlama, read_helium},
      {"eurobert", "eurobert", NameScheme::kLlama, read_eurobert, {}, FamilyKind::kEncoder},
      {"internlm2", "internlm2", NameScheme::kLlama, read_internlm2, kInternlmNames}};
  return kFamily;
}

}  // namespace hearth
