// Qwen 2 and 2.5 (biases on queries, keys and values; a sliding window on the upper layers where it is switched on) and
// Qwen 3 (a norm of each query and key head instead of the biases); each with experts too. The text part of those that
// see (Qwen2-VL, Qwen2.5-VL, Qwen3-VL) is the same: in text, the sections of their positions are one.
#include "model/architectures/common.h"
#include "model/architectures/expert_settings.h"
#include "model/architectures/families.h"

namespace hearth {
namespace {

ModelSpec read_qwen(const Settings& settings, std::optional<std::int64_t> config_head_dim) {
  ModelSpec spec =
      read_gated_decoder(settings, {.gguf_pairs = RopePairs::kHalfSplit, .config_head_dim = config_head_dim});
  const std::int64_t first_layer = settings.integer({"", {"max_window_layers"}}).value_or(0);
  if (settings.boolean(settings::kUsesWindow).value_or(false)) read_sliding_window(settings, first_layer, spec);
  return spec;
}

ModelSpec read_qwen2(const Settings& settings) {
  return read_qwen(settings, std::nullopt);
}

ModelSpec read_qwen3(const Settings& settings) {
  ModelSpec spec = read_qwen(settings, 128);
  spec.ff_scales = true;
  for (LayerSpec& layer : spec.layers) layer.attention().query_key_norm = QueryKeyNorm::kHead;
  return spec;
}

// One expert is asked for every token, as far as a sigmoid says.
ModelSpec read_qwen2_moe(const Settings& settings) {
  ModelSpec spec = read_qwen2(settings);
  spec.ff_scales = true;
  ExpertsSpec experts = read_experts(settings, {.gguf_normalize = false});
  const std::int64_t dense_width = spec.layers.front().mlp().width;
  experts.shared_width = settings.positive(settings::kSharedWidth).value_or(dense_width);
  experts.shared_gate = true;
  give_experts(settings, experts, spec);
  return spec;
}

ModelSpec read_qwen3_moe(const Settings& settings) {
  ModelSpec spec = read_qwen3(settings);
  give_experts(settings, read_experts(settings, {.gguf_normalize = true}), spec);
  return spec;
}

// The same as `read`, of a model that sees.
template <ModelSpec (*read)(const Settings&)>
ModelSpec read_qwen_vl(const Settings& settings) {
  ModelSpec spec = read(settings);
  has_position_sections(settings, spec.ropes.front().rotary_dim);
  settings.integer({"n_deepstack_layers"});
  return spec;
}

// Checkpoints have experts' matrices stacked, as rows or transposed.
ModelSpec read_qwen3_vl_moe(const Settings& settings) {
  ModelSpec spec = read_qwen_vl<read_qwen3_moe>(settings);
  for (const WeightEntry& entry : settings.source().tensors()) {
    const std::string_view name = entry.name;
    if (name.find(".mlp.experts.down_proj") == name.npos || entry.shape.rank() != 3) continue;
    spec.transposed_experts = entry.shape[1] != spec.width;
    break;
  }
  return spec;
}

constexpr OwnName kSharedExpert[]{
    {NameScheme::kLlama, Weight::kSharedGate, "model.layers.{}.mlp.shared_expert.gate_proj"},
    {NameScheme::kLlama, Weight::kSharedUp, "model.layers.{}.mlp.shared_expert.up_proj"},
    {NameScheme::kLlama, Weight::kSharedDown, "model.layers.{}.mlp.shared_expert.down_proj"}};

}  // namespace

std::span<const Architecture> qwen_family() {
  static constexpr Architecture kFamily[]{
      {"qwen2", "qwen2", NameScheme::kLlama, read_qwen2},
      {"qwen3", "qwen3", NameScheme::kLlama, read_qwen3},
      {"qwen2vl", "qwen2_vl", NameScheme::kLlama, read_qwen_vl<read_qwen2>},
      {"", "qwen2_vl_text", NameScheme::kLlama, read_qwen_vl<read_qwen2>},
      {"", "qwen2_5_vl", NameScheme::kLlama, read_qwen_vl<read_qwen2>},
      {"", "qwen2_5_vl_text", NameScheme::kLlama, read_qwen_vl<read_qwen2>},
      {"qwen3vl", "qwen3_vl_text", NameScheme::kLlama, read_qwen_vl<read_qwen3>},
      {"qwen3vlmoe", "qwen3_vl_moe_text", NameScheme::kLlama, read_qwen3_vl_moe, {}, FamilyKind::kExperts},
      {"qwen2moe", "qwen2_moe", NameScheme::kLlama, read_qwen2_moe, kSharedExpert, FamilyKind::kExperts},
      {"qwen3moe", "qwen3_moe", NameScheme::kLlama, read_qwen3_moe, {}, FamilyKind::kExperts}};
  return kFamily;
}

}  // namespace hearth
