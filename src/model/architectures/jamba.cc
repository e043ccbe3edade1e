// Jamba (Lieber et al. 2024; AI21's 1.5 to 1.7 and Reasoning): one layer of attention without positions in several,
// Mamba with norms of its step, B and C in the others; dense feed-forward parts and experts take turns.
#include <fmt/format.h>

#include "base/error.h"
#include "kernels/selective_scan/selective_scan.h"
#include "model/architectures/common.h"
#include "model/architectures/expert_settings.h"
#include "model/architectures/families.h"
#include "model/architectures/hybrid_settings.h"

namespace hearth {
namespace {

constexpr std::int64_t kChannelsMax = 1 << 20, kStepRankMax = 1 << 16, kConvMax = 1024, kPeriodMax = 1 << 16;

// config.json says every how many layers there is one of a kind, and which is the first.
std::vector<bool> every_few(const Settings& settings, std::string_view period, std::string_view offset) {
  const std::int64_t step = settings.required({"", {period}}, kPeriodMax);
  const std::int64_t first = settings.integer({"", {offset}}).value_or(0);
  std::vector<bool> result(static_cast<std::size_t>(settings.layer_count()));
  for (std::int64_t i = 0; i < std::ssize(result); ++i) result[static_cast<std::size_t>(i)] = i % step == first;
  return result;
}

std::vector<bool> layers_with_attention(const Settings& settings) {
  if (!settings.is_gguf()) return every_few(settings, "attn_layer_period", "attn_layer_offset");
  std::vector<bool> result = layers_without_kv_heads(settings);
  result.flip();
  return result;
}

// GGUF files do not say it: their tensors do.
std::vector<bool> layers_with_experts(const Settings& settings) {
  if (!settings.is_gguf()) return every_few(settings, "expert_layer_period", "expert_layer_offset");
  std::vector<bool> result(static_cast<std::size_t>(settings.layer_count()));
  for (std::size_t i = 0; i < result.size(); ++i) {
    result[i] = settings.source().find(fmt::format("blk.{}.ffn_gate_inp.weight", i)) != nullptr;
  }
  return result;
}

MambaSpec read_jamba_mixer(const Settings& settings, const ModelSpec& spec) {
  MambaSpec mamba;
  const std::int64_t expand = settings.positive({"", {"mamba_expand"}}).value_or(2);
  mamba.heads = settings.positive({"ssm.inner_size"}).value_or(expand * spec.width);
  mamba.state = settings.required({"ssm.state_size", {"mamba_d_state"}}, kScanStateMax);
  mamba.kernel = settings.required({"ssm.conv_kernel", {"mamba_d_conv"}}, kConvMax);
  // "auto" in config.json: the same as none.
  const auto* stated = settings.config("mamba_dt_rank");
  const bool is_auto = stated != nullptr && stated->is_string();
  const auto rank = is_auto ? std::nullopt : settings.positive({"ssm.time_step_rank", {"mamba_dt_rank"}});
  mamba.dt_rank = rank.value_or((spec.width + 15) / 16);
  if (expand > kChannelsMax || mamba.heads > kChannelsMax || mamba.dt_rank > kStepRankMax) {
    throw InvalidInput(
        fmt::format("{}: a state space of {} channels and rank {}", settings.file_name(), mamba.heads, mamba.dt_rank));
  }
  mamba.step_norm_epsilon = spec.norm.epsilon;
  mamba.step_norm_weights = true;
  return mamba;
}

ModelSpec read_jamba(const Settings& settings) {
  ModelSpec spec = read_sizes(settings, std::nullopt, AttentionLayers::kSome);
  spec.norm.epsilon = static_cast<float>(settings.number(settings::kRmsEpsilon).value_or(1e-6));
  read_activation(settings, Activation::kSilu, spec);
  if (settings.positive(settings::kExpertCount).value_or(1) > 1) {
    const ExpertsSpec experts = read_experts(settings, {.gguf_normalize = false});
    const std::vector<bool> has_experts = layers_with_experts(settings);
    for (std::size_t i = 0; i < has_experts.size(); ++i) {
      if (has_experts[i]) spec.layers[i].feed_forward = experts;
    }
  }
  const MambaSpec mamba = read_jamba_mixer(settings, spec);
  const std::vector<bool> attends = layers_with_attention(settings);
  for (std::size_t i = 0; i < attends.size(); ++i) {
    if (!attends[i]) spec.layers[i].mixer = mamba;
  }
  return spec;
}

constexpr OwnName kOwnNames[]{
    {NameScheme::kLlama, Weight::kOutputNorm, "model.final_layernorm"},
    {NameScheme::kLlama, Weight::kFfNorm, "model.layers.{}.pre_ff_layernorm"},
    {NameScheme::kLlama, Weight::kFfGate, "model.layers.{}.feed_forward.gate_proj"},
    {NameScheme::kLlama, Weight::kFfUp, "model.layers.{}.feed_forward.up_proj"},
    {NameScheme::kLlama, Weight::kFfDown, "model.layers.{}.feed_forward.down_proj"},
    {NameScheme::kLlama, Weight::kRouter, "model.layers.{}.feed_forward.router"},
    {NameScheme::kLlama, Weight::kExpertGate, "model.layers.{}.feed_forward.experts.{}.gate_proj"},
    {NameScheme::kLlama, Weight::kExpertUp, "model.layers.{}.feed_forward.experts.{}.up_proj"},
    {NameScheme::kLlama, Weight::kExpertDown, "model.layers.{}.feed_forward.experts.{}.down_proj"}};

}  // namespace

std::span<const Architecture> jamba_family() {
  static constexpr Architecture kFamily[]{
      {"jamba", "jamba", NameScheme::kLlama, read_jamba, kOwnNames, FamilyKind::kHybrid, "attention, Mamba"}};
  return kFamily;
}

}  // namespace hearth
