// Nemotron-H and Nemotron 3 (NVIDIA 2025): each layer is one part alone: Mamba 2, attention without positions, a
// feed-forward block with squared ReLU, or experts of such blocks, in the larger models on narrower rows.
#include <fmt/format.h>

#include <cmath>

#include "base/error.h"
#include "kernels/attention/paged_kv.h"
#include "model/architectures/common.h"
#include "model/architectures/expert_settings.h"
#include "model/architectures/families.h"
#include "model/architectures/hybrid_settings.h"

namespace hearth {
namespace {

constexpr std::int64_t kSizeMax = 1 << 24;
constexpr Setting kAttentionHeadDim{"attention.key_length", {"head_dim", "attention_head_dim"}};

std::vector<LayerKind> layer_kinds(const Settings& settings) {
  if (!settings.is_gguf()) {
    const std::vector<LayerKind> kinds = listed_layer_kinds(settings, true);
    if (!kinds.empty()) return kinds;
    throw InvalidInput(fmt::format("{}: config.json does not say what its layers are", settings.file_name()));
  }
  const auto kv_heads = settings.per_layer(settings::kKvHeads);
  const auto ff_widths = settings.per_layer(settings::kFfWidth);
  const bool has_experts = settings.positive(settings::kExpertCount).value_or(0) > 0;
  std::vector<LayerKind> kinds(static_cast<std::size_t>(settings.layer_count()), LayerKind::kRecurrence);
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    if (kv_heads && (*kv_heads)[i] > 0) kinds[i] = LayerKind::kAttention;
    if (ff_widths && (*ff_widths)[i] > 0) kinds[i] = has_experts ? LayerKind::kExperts : LayerKind::kMlp;
  }
  return kinds;
}

std::int64_t largest(const Settings& settings, const Setting& setting) {
  if (!settings.is_gguf()) return settings.required(setting, kSizeMax);
  std::int64_t result = 0;
  for (const std::int64_t value : settings.per_layer(setting).value_or(std::vector<std::int64_t>())) {
    result = std::max(result, value);
  }
  if (result <= 0 || result > kSizeMax) {
    throw InvalidInput(fmt::format("{}: setting '{}' is {}", settings.file_name(), setting.gguf, result));
  }
  return result;
}

AttentionSpec read_attention(const Settings& settings, std::int64_t width) {
  AttentionSpec attention;
  attention.head_count = largest(settings, settings::kHeads);
  attention.kv_head_count = largest(settings, settings::kKvHeads);
  attention.head_dim = settings.positive(kAttentionHeadDim).value_or(width / attention.head_count);
  if (const auto value_dim = settings.positive(settings::kValueDim); value_dim && *value_dim != attention.head_dim) {
    throw Unsupported(fmt::format("{}: values of size {} with keys of size {}", settings.file_name(), *value_dim,
                                  attention.head_dim));
  }
  attention.scale = static_cast<float>(1 / std::sqrt(static_cast<double>(attention.head_dim)));
  check_heads(settings, attention);
  return attention;
}

ExpertsSpec read_plain_experts(const Settings& settings) {
  ExpertsSpec experts =
      read_experts(settings, {.score = RouterScore::kSigmoid, .normalize = true, .sum_offset = 1e-20f});
  experts.gated = false;
  experts.row_width = settings.positive({"moe_latent_size", {"moe_latent_size"}}).value_or(0);
  if (experts.row_width > kSizeMax) {
    throw InvalidInput(fmt::format("{}: experts of {} elements", settings.file_name(), experts.row_width));
  }
  experts.activation = Activation::kReluSquared;
  const Setting shared{"expert_shared_feed_forward_length", {"moe_shared_expert_intermediate_size"}};
  experts.shared_width = settings.positive(shared).value_or(experts.shared_width);
  return experts;
}

ModelSpec read_nemotron_h(const Settings& settings) {
  ModelSpec spec;
  spec.architecture = settings.architecture();
  spec.width = settings.required(settings::kWidth, kSizeMax);
  spec.context_max = settings.required(settings::kContext, std::int64_t{1} << 28);
  spec.ff_scales = true;
  const Setting epsilon{"attention.layer_norm_rms_epsilon", {"layer_norm_epsilon", "rms_norm_eps"}};
  spec.norm.epsilon = static_cast<float>(settings.number(epsilon).value_or(1e-5));
  for (const char* key : {"rope_theta", "partial_rotary_factor"}) settings.note_asked(key);  // nothing is rotated
  const std::vector<LayerKind> kinds = layer_kinds(settings);
  const std::string activation = settings.text({"", {"mlp_hidden_act"}}).value_or("relu2");
  if (activation != "relu2") {
    throw Unsupported(fmt::format("{}: activation '{}' is not supported", settings.file_name(), activation));
  }
  for (const LayerKind kind : kinds) {
    LayerSpec layer;
    layer.mixer = NoPart();
    layer.feed_forward = NoPart();
    if (kind == LayerKind::kAttention) layer.mixer = read_attention(settings, spec.width);
    if (kind == LayerKind::kExperts) layer.feed_forward = read_plain_experts(settings);
    if (kind == LayerKind::kMlp) {
      layer.feed_forward = MlpSpec{largest(settings, settings::kFfWidth), Activation::kReluSquared, false};
    }
    if (kind == LayerKind::kRecurrence) {
      MambaSpec mamba = read_mamba2(settings, spec.width);
      // Checkpoints' own code has no other limit.
      if (!settings.is_gguf())
        mamba.delta_min = static_cast<float>(settings.number({"", {"time_step_min"}}).value_or(0.001));
      settings.note_asked("time_step_limit");
      mamba.norm = MambaNorm::kGateFirst;
      mamba.norm_groups = mamba.groups;
      layer.mixer = mamba;
    }
    spec.layers.push_back(layer);
  }
  return spec;
}

constexpr OwnName kOwnNames[]{
    {NameScheme::kGguf, Weight::kFfNorm, "blk.{}.attn_norm"},
    {NameScheme::kLlama, Weight::kTokenEmbedding, "backbone.embeddings"},
    {NameScheme::kLlama, Weight::kOutputNorm, "backbone.norm_f"},
    {NameScheme::kLlama, Weight::kAttentionNorm, "backbone.layers.{}.norm"},
    {NameScheme::kLlama, Weight::kFfNorm, "backbone.layers.{}.norm"},
    {NameScheme::kLlama, Weight::kQuery, "backbone.layers.{}.mixer.q_proj"},
    {NameScheme::kLlama, Weight::kKey, "backbone.layers.{}.mixer.k_proj"},
    {NameScheme::kLlama, Weight::kValue, "backbone.layers.{}.mixer.v_proj"},
    {NameScheme::kLlama, Weight::kAttentionOutput, "backbone.layers.{}.mixer.o_proj"},
    {NameScheme::kLlama, Weight::kFfUp, "backbone.layers.{}.mixer.up_proj"},
    {NameScheme::kLlama, Weight::kFfDown, "backbone.layers.{}.mixer.down_proj"},
    {NameScheme::kLlama, Weight::kRecurrenceInput, "backbone.layers.{}.mixer.in_proj"},
    {NameScheme::kLlama, Weight::kRecurrenceConv, "backbone.layers.{}.mixer.conv1d"},
    {NameScheme::kLlama, Weight::kRecurrenceOutput, "backbone.layers.{}.mixer.out_proj"},
    {NameScheme::kLlama, Weight::kRecurrenceNorm, "backbone.layers.{}.mixer.norm"},
    {NameScheme::kLlama, Weight::kRecurrenceRate, "backbone.layers.{}.mixer.A_log"},
    {NameScheme::kLlama, Weight::kRecurrenceStepBias, "backbone.layers.{}.mixer.dt_bias"},
    {NameScheme::kLlama, Weight::kRecurrenceSkip, "backbone.layers.{}.mixer.D"},
    {NameScheme::kLlama, Weight::kRouter, "backbone.layers.{}.mixer.gate"},
    {NameScheme::kLlama, Weight::kRouterBias, "backbone.layers.{}.mixer.gate.e_score_correction_bias"},
    {NameScheme::kLlama, Weight::kExpertUp, "backbone.layers.{}.mixer.experts.{}.up_proj"},
    {NameScheme::kLlama, Weight::kExpertDown, "backbone.layers.{}.mixer.experts.{}.down_proj"},
    {NameScheme::kLlama, Weight::kExpertsInput, "backbone.layers.{}.mixer.fc1_latent_proj"},
    {NameScheme::kLlama, Weight::kExpertsOutput, "backbone.layers.{}.mixer.fc2_latent_proj"},
    {NameScheme::kLlama, Weight::kSharedUp, "backbone.layers.{}.mixer.shared_experts.up_proj"},
    {NameScheme::kLlama, Weight::kSharedDown, "backbone.layers.{}.mixer.shared_experts.down_proj"}};

}  // namespace

std::span<const Architecture> nemotron_h_family() {
  static constexpr Architecture kFamily[]{
      {"nemotron_h", "nemotron_h", NameScheme::kLlama, read_nemotron_h, kOwnNames, FamilyKind::kHybrid,
       "attention, Mamba"},
      {"nemotron_h_moe", "", NameScheme::kLlama, read_nemotron_h, kOwnNames, FamilyKind::kHybrid, "attention, Mamba"}};
  return kFamily;
}

}  // namespace hearth
