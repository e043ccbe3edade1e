// Qwen3-Next, Qwen3.5 and Qwen3.5 MoE (Qwen team 2025 and 2026): three layers of the gated delta rule to one of gated
// attention.
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "model/architectures/common.h"
#include "model/architectures/expert_settings.h"
#include "model/architectures/families.h"
#include "model/architectures/hybrid_settings.h"

#include <fmt/format.h>

namespace hearth {
namespace {

constexpr std::int64_t kDeltaHeadsMax = 1 << 16, kDeltaValueDimMax = 1 << 12, kConvKernelMax = 1024;

DeltaSpec read_delta(const Settings& settings) {
  DeltaSpec delta;
  delta.k_heads = settings.required({"ssm.group_count", {"linear_num_key_heads"}}, kDeltaHeadsMax);
  delta.v_heads = settings.required({"ssm.time_step_rank", {"linear_num_value_heads"}}, kDeltaHeadsMax);
  delta.k_dim = settings.required({"ssm.state_size", {"linear_key_head_dim"}}, kDeltaKeyDimMax);
  delta.kernel = settings.required({"ssm.conv_kernel", {"linear_conv_kernel_dim"}}, kConvKernelMax);
  if (settings.is_gguf()) {
    const std::int64_t inner = settings.required({"ssm.inner_size"}, kDeltaHeadsMax * kDeltaValueDimMax);
    delta.v_dim = inner / delta.v_heads;
    if (inner % delta.v_heads != 0) delta.v_dim = 0;
  } else {
    delta.v_dim = settings.required({"", {"linear_value_head_dim"}}, kDeltaValueDimMax);
  }
  if (delta.v_heads % delta.k_heads != 0 || delta.v_dim <= 0 || delta.v_dim > kDeltaValueDimMax) {
    throw InvalidInput(fmt::format("{}: {} value heads of {} elements cannot share {} key heads", settings.file_name(),
                                   delta.v_heads, delta.v_dim, delta.k_heads));
  }
  delta.scale = static_cast<float>(1 / std::sqrt(static_cast<double>(delta.k_dim)));
  return delta;
}

std::vector<bool> delta_layers(const Settings& settings) {
  const std::int64_t interval = settings.positive({"full_attention_interval", {"full_attention_interval"}}).value_or(4);
  if (settings.is_gguf()) return recurrent_layers_of_gguf(settings, interval);
  std::vector<bool> result(static_cast<std::size_t>(settings.layer_count()));
  const std::vector<LayerKind> kinds = listed_layer_kinds(settings);
  if (!kinds.empty() && kinds.size() != result.size()) {
    throw InvalidInput(
        fmt::format("{}: layer_types lists {} layers of {}", settings.file_name(), kinds.size(), result.size()));
  }
  for (std::size_t i = 0; i < result.size(); ++i) {
    const bool every = (static_cast<std::int64_t>(i) + 1) % interval != 0;
    result[i] = kinds.empty() ? every : kinds[i] == LayerKind::kRecurrence;
  }
  return result;
}

ModelSpec read_qwen_hybrid(const Settings& settings, KeyHeadOrder gguf_key_heads) {
  ModelSpec spec = read_gated_decoder(
      settings,
      {.gguf_pairs = RopePairs::kHalfSplit, .config_head_dim = 256, .attention_layers = AttentionLayers::kSome});
  has_position_sections(settings, spec.ropes.front().rotary_dim);
  for (const char* key : {"rope_parameters.mrope_section", "rope_parameters.mrope_interleaved"})
    settings.note_asked(key);
  spec.ff_scales = true;
  if (!settings.is_gguf()) spec.norm.weight_offset = 1;
  DeltaSpec delta = read_delta(settings);
  if (settings.is_gguf()) {
    delta.key_heads = gguf_key_heads;
    delta.length_epsilon = spec.norm.epsilon;
  }
  const std::vector<bool> is_delta = delta_layers(settings);
  for (std::size_t i = 0; i < is_delta.size(); ++i) {
    LayerSpec& layer = spec.layers[i];
    layer.attention().query_key_norm = QueryKeyNorm::kHead;
    layer.attention().gated = true;
    if (is_delta[i]) layer.mixer = delta;
  }
  return spec;
}

void add_experts(const Settings& settings, bool always_normalized, ModelSpec& spec) {
  ExpertsSpec experts = read_experts(settings, {.normalize = true, .gguf_normalize = true});
  if (always_normalized) experts.routing.normalize = true;
  experts.shared_width = settings.positive(settings::kSharedWidth).value_or(spec.layers.front().mlp().width);
  experts.shared_gate = true;
  give_experts(settings, experts, spec);
}

ModelSpec read_qwen3_next(const Settings& settings) {
  ModelSpec spec = read_qwen_hybrid(settings, KeyHeadOrder::kGrouped);
  add_experts(settings, false, spec);
  return spec;
}

// The converter to GGUF puts the value heads of this one in the order in which key heads take turns.
ModelSpec read_qwen3_5(const Settings& settings) {
  return read_qwen_hybrid(settings, KeyHeadOrder::kTiled);
}

ModelSpec read_qwen3_5_moe(const Settings& settings) {
  ModelSpec spec = read_qwen3_5(settings);
  add_experts(settings, true, spec);
  return spec;
}

constexpr OwnName kOwnNames[]{{NameScheme::kGguf, Weight::kFfNorm, "blk.{}.post_attention_norm"},
                              {NameScheme::kLlama, Weight::kRecurrenceConv, "model.layers.{}.linear_attn.conv1d"},
                              {NameScheme::kLlama, Weight::kRecurrenceOutput, "model.layers.{}.linear_attn.out_proj"},
                              {NameScheme::kLlama, Weight::kRecurrenceNorm, "model.layers.{}.linear_attn.norm"},
                              {NameScheme::kLlama, Weight::kRecurrenceRate, "model.layers.{}.linear_attn.A_log"},
                              {NameScheme::kLlama, Weight::kRecurrenceStepBias, "model.layers.{}.linear_attn.dt_bias"},
                              {NameScheme::kLlama, Weight::kSharedGate, "model.layers.{}.mlp.shared_expert.gate_proj"},
                              {NameScheme::kLlama, Weight::kSharedUp, "model.layers.{}.mlp.shared_expert.up_proj"},
                              {NameScheme::kLlama, Weight::kSharedDown, "model.layers.{}.mlp.shared_expert.down_proj"}};

}  // namespace

std::span<const Architecture> qwen_hybrid_family() {
  static constexpr Architecture kFamily[]{{"qwen3next", "qwen3_next", NameScheme::kLlama, read_qwen3_next, kOwnNames,
                                           FamilyKind::kHybrid, "attention, delta rule"},
                                          {"qwen35", "qwen3_5_text", NameScheme::kLlama, read_qwen3_5, kOwnNames,
                                           FamilyKind::kHybrid, "attention, delta rule"},
                                          {"qwen35moe", "qwen3_5_moe_text", NameScheme::kLlama, read_qwen3_5_moe,
                                           kOwnNames, FamilyKind::kHybrid, "attention, delta rule"}};
  return kFamily;
}

}  // namespace hearth
