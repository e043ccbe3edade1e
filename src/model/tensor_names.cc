#include "model/tensor_names.h"

#include <fmt/format.h>

#include <array>
#include <string_view>
#include <tuple>

#include "base/check.h"

namespace hearth {
namespace {

struct Row {
  Weight weight;
  std::string_view gguf, llama, gpt2;  // the first "{}" is the layer, a second one the expert
};

constexpr std::array kRows{
    Row{Weight::kTokenEmbedding, "token_embd", "model.embed_tokens", "transformer.wte"},
    Row{Weight::kPositionEmbedding, "position_embd", "", "transformer.wpe"},
    Row{Weight::kTokenTypeEmbedding, "token_types", "", ""},
    Row{Weight::kEmbeddingNorm, "token_embd_norm", "", ""},
    Row{Weight::kEmbeddingProjection, "", "", ""},
    Row{Weight::kOutputProjection, "", "", ""},
    Row{Weight::kDistanceBiases, "", "", ""},
    Row{Weight::kOutputNorm, "output_norm", "model.norm", "transformer.ln_f"},
    Row{Weight::kOutput, "output", "lm_head", "lm_head"},
    Row{Weight::kAttentionNorm, "blk.{}.attn_norm", "model.layers.{}.input_layernorm", "transformer.h.{}.ln_1"},
    Row{Weight::kQuery, "blk.{}.attn_q", "model.layers.{}.self_attn.q_proj", ""},
    Row{Weight::kKey, "blk.{}.attn_k", "model.layers.{}.self_attn.k_proj", ""},
    Row{Weight::kValue, "blk.{}.attn_v", "model.layers.{}.self_attn.v_proj", ""},
    Row{Weight::kQueryKeyValue, "blk.{}.attn_qkv", "", "transformer.h.{}.attn.c_attn"},
    Row{Weight::kQueryNorm, "blk.{}.attn_q_norm", "model.layers.{}.self_attn.q_norm", ""},
    Row{Weight::kKeyNorm, "blk.{}.attn_k_norm", "model.layers.{}.self_attn.k_norm", ""},
    Row{Weight::kAttentionSinks, "blk.{}.attn_sinks.weight", "model.layers.{}.self_attn.sinks", ""},
    Row{Weight::kAttentionGate, "blk.{}.attn_gate", "model.layers.{}.self_attn.gate_proj", ""},
    Row{Weight::kLatentQuery, "blk.{}.attn_q_a", "model.layers.{}.self_attn.q_a_proj", ""},
    Row{Weight::kLatentQueryNorm, "blk.{}.attn_q_a_norm", "model.layers.{}.self_attn.q_a_layernorm", ""},
    Row{Weight::kLatentQueryUp, "blk.{}.attn_q_b", "model.layers.{}.self_attn.q_b_proj", ""},
    Row{Weight::kLatentKeyValue, "blk.{}.attn_kv_a_mqa", "model.layers.{}.self_attn.kv_a_proj_with_mqa", ""},
    Row{Weight::kLatentKeyValueNorm, "blk.{}.attn_kv_a_norm", "model.layers.{}.self_attn.kv_a_layernorm", ""},
    Row{Weight::kLatentKeyValueUp, "blk.{}.attn_kv_b", "model.layers.{}.self_attn.kv_b_proj", ""},
    Row{Weight::kLatentKeyUp, "blk.{}.attn_k_b", "", ""},
    Row{Weight::kLatentValueUp, "blk.{}.attn_v_b", "", ""},
    Row{Weight::kAttentionSeenNorm, "blk.{}.attn_sub_norm", "model.layers.{}.self_attn.attn_sub_norm", ""},
    Row{Weight::kAttentionOutput, "blk.{}.attn_output", "model.layers.{}.self_attn.o_proj",
        "transformer.h.{}.attn.c_proj"},
    Row{Weight::kAttentionPostNorm, "blk.{}.post_attention_norm", "model.layers.{}.post_attention_layernorm", ""},
    Row{Weight::kFfNorm, "blk.{}.ffn_norm", "model.layers.{}.post_attention_layernorm", "transformer.h.{}.ln_2"},
    Row{Weight::kFfGate, "blk.{}.ffn_gate", "model.layers.{}.mlp.gate_proj", ""},
    Row{Weight::kFfUp, "blk.{}.ffn_up", "model.layers.{}.mlp.up_proj", "transformer.h.{}.mlp.c_fc"},
    Row{Weight::kFfGateUp, "blk.{}.ffn_up", "model.layers.{}.mlp.gate_up_proj", ""},
    Row{Weight::kFfHiddenNorm, "blk.{}.ffn_sub_norm", "model.layers.{}.mlp.ffn_sub_norm", ""},
    Row{Weight::kFfDown, "blk.{}.ffn_down", "model.layers.{}.mlp.down_proj", "transformer.h.{}.mlp.c_proj"},
    Row{Weight::kFfPostNorm, "blk.{}.post_ffw_norm", "model.layers.{}.post_feedforward_layernorm", ""},
    Row{Weight::kLayerScale, "blk.{}.layer_output_scale.weight", "model.layers.{}.layer_scalar", ""},
    Row{Weight::kRouter, "blk.{}.ffn_gate_inp", "model.layers.{}.mlp.gate", ""},
    Row{Weight::kRouterBias, "blk.{}.exp_probs_b.bias", "model.layers.{}.mlp.gate.e_score_correction_bias", ""},
    Row{Weight::kRouterNorm, "blk.{}.ffn_gate_inp.scale", "model.layers.{}.router.scale", ""},
    Row{Weight::kExpertScale, "", "", ""},
    Row{Weight::kExpertGate, "blk.{}.ffn_gate_exps", "model.layers.{}.mlp.experts.{}.gate_proj", ""},
    Row{Weight::kExpertUp, "blk.{}.ffn_up_exps", "model.layers.{}.mlp.experts.{}.up_proj", ""},
    Row{Weight::kExpertGateUp, "blk.{}.ffn_gate_up_exps", "model.layers.{}.mlp.experts.{}.gate_up_proj", ""},
    Row{Weight::kExpertDown, "blk.{}.ffn_down_exps", "model.layers.{}.mlp.experts.{}.down_proj", ""},
    Row{Weight::kExpertsInput, "blk.{}.ffn_latent_down", "", ""},
    Row{Weight::kExpertsOutput, "blk.{}.ffn_latent_up", "", ""},
    Row{Weight::kSharedGate, "blk.{}.ffn_gate_shexp", "model.layers.{}.mlp.shared_experts.gate_proj", ""},
    Row{Weight::kSharedUp, "blk.{}.ffn_up_shexp", "model.layers.{}.mlp.shared_experts.up_proj", ""},
    Row{Weight::kSharedGateUp, "", "", ""},
    Row{Weight::kSharedDown, "blk.{}.ffn_down_shexp", "model.layers.{}.mlp.shared_experts.down_proj", ""},
    Row{Weight::kSharedRouter, "blk.{}.ffn_gate_inp_shexp", "model.layers.{}.mlp.shared_expert_gate", ""},
    Row{Weight::kDensePostNorm, "blk.{}.post_ffw_norm_1", "model.layers.{}.post_feedforward_layernorm_1", ""},
    Row{Weight::kExpertsNorm, "blk.{}.pre_ffw_norm_2", "model.layers.{}.pre_feedforward_layernorm_2", ""},
    Row{Weight::kExpertsPostNorm, "blk.{}.post_ffw_norm_2", "model.layers.{}.post_feedforward_layernorm_2", ""},
    Row{Weight::kConvIn, "blk.{}.shortconv.in_proj", "model.layers.{}.conv.in_proj", ""},
    Row{Weight::kConv, "blk.{}.shortconv.conv", "model.layers.{}.conv.conv", ""},
    Row{Weight::kConvOut, "blk.{}.shortconv.out_proj", "model.layers.{}.conv.out_proj", ""},
    Row{Weight::kRecurrenceInput, "blk.{}.ssm_in", "model.layers.{}.mamba.in_proj", ""},
    Row{Weight::kRecurrenceConv, "blk.{}.ssm_conv1d", "model.layers.{}.mamba.conv1d", ""},
    Row{Weight::kRecurrenceOutput, "blk.{}.ssm_out", "model.layers.{}.mamba.out_proj", ""},
    Row{Weight::kRecurrenceNorm, "blk.{}.ssm_norm", "model.layers.{}.mamba.norm", ""},
    Row{Weight::kRecurrenceRate, "blk.{}.ssm_a", "model.layers.{}.mamba.A_log", ""},
    Row{Weight::kRecurrenceStepBias, "blk.{}.ssm_dt.bias", "model.layers.{}.mamba.dt_bias", ""},
    Row{Weight::kRecurrenceSkip, "blk.{}.ssm_d", "model.layers.{}.mamba.D", ""},
    Row{Weight::kScanInputs, "blk.{}.ssm_x", "model.layers.{}.mamba.x_proj", ""},
    Row{Weight::kScanStep, "blk.{}.ssm_dt", "model.layers.{}.mamba.dt_proj", ""},
    Row{Weight::kScanStepNorm, "blk.{}.ssm_dt_norm", "model.layers.{}.mamba.dt_layernorm", ""},
    Row{Weight::kScanInputNorm, "blk.{}.ssm_b_norm", "model.layers.{}.mamba.b_layernorm", ""},
    Row{Weight::kScanOutputNorm, "blk.{}.ssm_c_norm", "model.layers.{}.mamba.c_layernorm", ""},
    Row{Weight::kDeltaQueryKeyValue, "blk.{}.attn_qkv", "model.layers.{}.linear_attn.in_proj_qkv", ""},
    Row{Weight::kDeltaGate, "blk.{}.attn_gate", "model.layers.{}.linear_attn.in_proj_z", ""},
    Row{Weight::kDeltaGate2, "blk.{}.ssm_g_b", "model.layers.{}.self_attn.g_b_proj", ""},
    Row{Weight::kDeltaMixed, "blk.{}.ssm_in", "model.layers.{}.linear_attn.in_proj_qkvz", ""},
    Row{Weight::kDeltaBeta, "blk.{}.ssm_beta", "model.layers.{}.linear_attn.in_proj_b", ""},
    Row{Weight::kDeltaDecay, "blk.{}.ssm_alpha", "model.layers.{}.linear_attn.in_proj_a", ""},
    Row{Weight::kDeltaDecay2, "blk.{}.ssm_f_b", "model.layers.{}.self_attn.f_b_proj", ""},
    Row{Weight::kDeltaMixedBetaDecay, "blk.{}.ssm_ba", "model.layers.{}.linear_attn.in_proj_ba", ""},
    Row{Weight::kDeltaConvQuery, "blk.{}.ssm_conv1d_q", "model.layers.{}.self_attn.q_conv1d", ""},
    Row{Weight::kDeltaConvKey, "blk.{}.ssm_conv1d_k", "model.layers.{}.self_attn.k_conv1d", ""},
    Row{Weight::kDeltaConvValue, "blk.{}.ssm_conv1d_v", "model.layers.{}.self_attn.v_conv1d", ""},
    Row{Weight::kLayerInputEmbedding, "per_layer_token_embd", "model.embed_tokens_per_layer", ""},
    Row{Weight::kLayerInputProjection, "per_layer_model_proj", "model.per_layer_model_projection", ""},
    Row{Weight::kLayerInputNorm, "per_layer_proj_norm", "model.per_layer_projection_norm", ""},
    Row{Weight::kLayerInputGate, "blk.{}.inp_gate", "model.layers.{}.per_layer_input_gate", ""},
    Row{Weight::kLayerInputOutput, "blk.{}.proj", "model.layers.{}.per_layer_projection", ""},
    Row{Weight::kLayerInputPostNorm, "blk.{}.post_norm", "model.layers.{}.post_per_layer_input_norm", ""},
    Row{Weight::kAltUpProjection, "altup_proj", "model.altup_projections.{}", ""},
    Row{Weight::kAltUpMerge, "altup_unembd_proj", "model.altup_unembed_projections.{}", ""},
    Row{Weight::kAltUpRouter, "blk.{}.altup_router", "model.layers.{}.altup.modality_router", ""},
    Row{Weight::kAltUpRouterNorm, "blk.{}.altup_router_norm", "model.layers.{}.altup.router_norm", ""},
    Row{Weight::kAltUpPredict, "blk.{}.altup_predict_coef", "model.layers.{}.altup.prediction_coefs", ""},
    Row{Weight::kAltUpCorrect, "blk.{}.altup_correct_coef", "model.layers.{}.altup.correction_coefs", ""},
    Row{Weight::kAltUpScale, "blk.{}.altup_correct_scale.weight", "model.layers.{}.altup.correct_output_scale", ""},
    Row{Weight::kLaurelLeft, "blk.{}.laurel_l", "model.layers.{}.laurel.linear_left", ""},
    Row{Weight::kLaurelRight, "blk.{}.laurel_r", "model.layers.{}.laurel.linear_right", ""},
    Row{Weight::kLaurelNorm, "blk.{}.laurel_post_norm", "model.layers.{}.laurel.post_laurel_norm", ""},
};

}  // namespace

std::string_view TensorNames::pattern_of(Weight weight) const {
  const Row& row = kRows[static_cast<std::size_t>(weight)];
  CHECK(row.weight == weight);
  std::string_view pattern = scheme_ == NameScheme::kGguf    ? row.gguf
                             : scheme_ == NameScheme::kLlama ? row.llama
                                                             : row.gpt2;
  for (const OwnName& own : own_) {
    if (own.scheme == scheme_ && own.weight == weight) pattern = own.pattern;
  }
  return pattern;
}

std::vector<std::string> TensorNames::patterns() const {
  std::vector<std::string> all;
  for (const Row& row : kRows) {
    const std::string names = fmt::format(fmt::runtime(pattern_of(row.weight)), "{}", "{}");
    for (std::size_t begin = 0, end = 0; !names.empty() && end != std::string::npos; begin = end + 1) {
      end = names.find('|', begin);
      all.push_back(placed(names.substr(begin, end - begin)));
    }
  }
  return all;
}

std::string TensorNames::of(Weight weight, std::int64_t layer, std::int64_t expert) const {
  const std::string names = fmt::format(fmt::runtime(pattern_of(weight)), layer, expert);
  if (from_ == to_ || names.empty()) return names;
  std::string result;
  for (std::size_t begin = 0, end = 0; end != std::string::npos; begin = end + 1) {
    end = names.find('|', begin);
    if (begin > 0) result += '|';
    result += placed(names.substr(begin, end - begin));
  }
  return result;
}

std::string TensorNames::placed(std::string name) const {
  return name.starts_with(from_) ? to_ + name.substr(from_.size()) : name;
}

void TensorNames::place_within(std::span<const WeightEntry> tensors) {
  std::string whole = of(Weight::kTokenEmbedding);
  if (const std::size_t end = whole.find('|'); end != std::string::npos) whole.resize(end);
  whole += ".weight";
  const std::size_t first_part = whole.find('.') + 1;
  const std::string tail = "." + whole.substr(first_part);
  std::string_view found;
  for (const WeightEntry& entry : tensors) {
    const std::string_view name = entry.name;
    if (name == whole || name == std::string_view(tail).substr(1)) return;
    // Towers for images or sound may have embeddings of this name too.
    const auto rank = [&](std::string_view n) {
      return std::tuple(n.ends_with("." + whole), n.find("language_model") != n.npos || n.find("text_model") != n.npos);
    };
    if (name.ends_with(tail) && (found.empty() || rank(name) > rank(found))) found = name;
  }
  if (found.empty()) return;
  const bool has_whole = found.ends_with("." + whole);
  from_ = has_whole ? "" : whole.substr(0, first_part);
  to_ = found.substr(0, found.size() - (has_whole ? whole.size() : tail.size() - 1));
}

}  // namespace hearth
