// Mamba (Gu and Dao 2023), Mamba 2 (Dao and Gu 2024) and Falcon Mamba (TII 2024): every layer is a state space alone.
#include <fmt/format.h>

#include "base/error.h"
#include "kernels/selective_scan/selective_scan.h"
#include "model/architectures/common.h"
#include "model/architectures/families.h"
#include "model/architectures/hybrid_settings.h"

namespace hearth {
namespace {

constexpr std::int64_t kWidthMax = 1 << 20, kRankMax = 1 << 16, kKernelMax = 1024;
// Positions mean nothing to these models: config.json says no maximum.
constexpr std::int64_t kContextMax = 1 << 20;

ModelSpec read_layers(const Settings& settings) {
  ModelSpec spec;
  spec.architecture = settings.architecture();
  spec.width = settings.required(settings::kWidth, kWidthMax);
  spec.context_max = settings.positive(settings::kContext).value_or(kContextMax);
  const Setting epsilon{"attention.layer_norm_rms_epsilon", {"layer_norm_epsilon"}};
  spec.norm.epsilon = static_cast<float>(settings.number(epsilon).value_or(1e-5));
  const std::string activation = settings.text(settings::kActivation).value_or("silu");
  if (activation != "silu" && activation != "swish") {
    throw Unsupported(fmt::format("{}: activation '{}' is not supported", settings.file_name(), activation));
  }
  LayerSpec layer;
  layer.feed_forward = NoPart();
  spec.layers.assign(static_cast<std::size_t>(settings.layer_count()), layer);
  return spec;
}

ModelSpec read_mamba2_model(const Settings& settings) {
  ModelSpec spec = read_layers(settings);
  MambaSpec mamba = read_mamba2(settings, spec.width);
  read_step_limits(settings, mamba);
  mamba.norm = MambaNorm::kGateFirst;
  mamba.norm_groups = settings.is_gguf() ? mamba.groups : 1;
  for (LayerSpec& layer : spec.layers) layer.mixer = mamba;
  return spec;
}

ModelSpec read_mamba_model(const Settings& settings, bool norms_steps) {
  ModelSpec spec = read_layers(settings);
  const std::int64_t expand = settings.positive({"", {"expand"}}).value_or(2);
  MambaSpec mamba;
  mamba.heads = settings.positive({"ssm.inner_size", {"intermediate_size"}}).value_or(expand * spec.width);
  mamba.state = settings.required({"ssm.state_size", {"state_size"}}, kScanStateMax);
  mamba.kernel = settings.required({"ssm.conv_kernel", {"conv_kernel"}}, kKernelMax);
  mamba.dt_rank = settings.positive({"ssm.time_step_rank", {"time_step_rank"}}).value_or((spec.width + 15) / 16);
  if (mamba.heads > kWidthMax || mamba.dt_rank > kRankMax) {
    throw InvalidInput(
        fmt::format("{}: a state space of {} channels and rank {}", settings.file_name(), mamba.heads, mamba.dt_rank));
  }
  if (norms_steps || settings.boolean({"ssm.dt_b_c_rms"}).value_or(false)) {
    const float epsilon = static_cast<float>(settings.number({"", {"mixer_rms_eps"}}).value_or(1e-6));
    mamba.step_norm_epsilon = settings.is_gguf() ? spec.norm.epsilon : epsilon;
  }
  for (LayerSpec& layer : spec.layers) layer.mixer = mamba;
  return spec;
}

ModelSpec read_mamba(const Settings& settings) {
  return read_mamba_model(settings, false);
}

ModelSpec read_falcon_mamba(const Settings& settings) {
  return read_mamba_model(settings, true);
}

constexpr OwnName kOwnNames[]{{NameScheme::kLlama, Weight::kTokenEmbedding, "backbone.embeddings"},
                              {NameScheme::kLlama, Weight::kOutputNorm, "backbone.norm_f"},
                              {NameScheme::kLlama, Weight::kAttentionNorm, "backbone.layers.{}.norm"},
                              {NameScheme::kLlama, Weight::kRecurrenceInput, "backbone.layers.{}.mixer.in_proj"},
                              {NameScheme::kLlama, Weight::kRecurrenceConv, "backbone.layers.{}.mixer.conv1d"},
                              {NameScheme::kLlama, Weight::kRecurrenceOutput, "backbone.layers.{}.mixer.out_proj"},
                              {NameScheme::kLlama, Weight::kRecurrenceNorm, "backbone.layers.{}.mixer.norm"},
                              {NameScheme::kLlama, Weight::kRecurrenceRate, "backbone.layers.{}.mixer.A_log"},
                              {NameScheme::kLlama, Weight::kRecurrenceStepBias, "backbone.layers.{}.mixer.dt_bias"},
                              {NameScheme::kLlama, Weight::kRecurrenceSkip, "backbone.layers.{}.mixer.D"},
                              {NameScheme::kLlama, Weight::kScanInputs, "backbone.layers.{}.mixer.x_proj"},
                              {NameScheme::kLlama, Weight::kScanStep, "backbone.layers.{}.mixer.dt_proj"}};

}  // namespace

std::span<const Architecture> mamba_family() {
  static constexpr Architecture kFamily[]{
      {"mamba", "mamba", NameScheme::kLlama, read_mamba, kOwnNames, FamilyKind::kRecurrent, "Mamba"},
      {"", "falcon_mamba", NameScheme::kLlama, read_falcon_mamba, kOwnNames, FamilyKind::kRecurrent, "Mamba"},
      {"mamba2", "mamba2", NameScheme::kLlama, read_mamba2_model, kOwnNames, FamilyKind::kRecurrent, "Mamba"}};
  return kFamily;
}

}  // namespace hearth
