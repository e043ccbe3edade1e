// Falcon-H1 (TII 2025): attention and Mamba 2 side by side in every layer, with a multiplier for each projection. GGUF
// files have the multipliers in their matrices.
#include "model/architectures/common.h"
#include "model/architectures/families.h"
#include "model/architectures/hybrid_settings.h"

namespace hearth {
namespace {

void read_multipliers(const Settings& settings, MambaSpec& mamba, ModelSpec& spec) {
  const auto factor = [&](std::string_view key) {
    return static_cast<float>(settings.number({"", {key}}).value_or(1));
  };
  spec.embedding_scale = factor("embedding_multiplier");
  spec.logit_scale = factor("lm_head_multiplier");
  mamba.input_factor = factor("ssm_in_multiplier");
  mamba.output_factor = factor("ssm_out_multiplier");
  const std::vector<double> of_mamba = config_numbers(settings, "ssm_multipliers", mamba.factors.size());
  for (std::size_t i = 0; i < of_mamba.size(); ++i) mamba.factors[i] = static_cast<float>(of_mamba[i]);
  const std::vector<double> of_mlp = config_numbers(settings, "mlp_multipliers", 2);
  for (LayerSpec& layer : spec.layers) {
    layer.attention().input_factor = factor("attention_in_multiplier");
    layer.attention().key_factor = factor("key_multiplier");
    layer.attention().output_factor = factor("attention_out_multiplier");
    if (of_mlp.empty()) continue;
    layer.mlp().gate_factor = static_cast<float>(of_mlp[0]);
    layer.mlp().down_factor = static_cast<float>(of_mlp[1]);
  }
}

ModelSpec read_falcon_h1(const Settings& settings) {
  ModelSpec spec = read_gated_decoder(settings, {.gguf_pairs = RopePairs::kHalfSplit, .epsilon = 1e-5});
  MambaSpec mamba = read_mamba2(settings, spec.width);
  read_step_limits(settings, mamba);
  mamba.norm_groups = mamba.groups;
  if (settings.is_gguf()) {
    mamba.norm = MambaNorm::kIfInFile;
  } else if (settings.boolean({"", {"mamba_rms_norm"}}).value_or(false)) {
    const bool norm_first = settings.boolean({"", {"mamba_norm_before_gate"}}).value_or(true);
    mamba.norm = norm_first ? MambaNorm::kNormFirst : MambaNorm::kGateFirst;
  }
  read_multipliers(settings, mamba, spec);
  for (LayerSpec& layer : spec.layers) layer.beside = mamba;
  return spec;
}

constexpr OwnName kOwnNames[]{{NameScheme::kLlama, Weight::kOutputNorm, "model.final_layernorm"},
                              {NameScheme::kLlama, Weight::kFfNorm, "model.layers.{}.pre_ff_layernorm"},
                              {NameScheme::kLlama, Weight::kFfGate, "model.layers.{}.feed_forward.gate_proj"},
                              {NameScheme::kLlama, Weight::kFfUp, "model.layers.{}.feed_forward.up_proj"},
                              {NameScheme::kLlama, Weight::kFfDown, "model.layers.{}.feed_forward.down_proj"}};

}  // namespace

std::span<const Architecture> falcon_h1_family() {
  static constexpr Architecture kFamily[]{{"falcon-h1", "falcon_h1", NameScheme::kLlama, read_falcon_h1, kOwnNames,
                                           FamilyKind::kHybrid, "attention beside Mamba"}};
  return kFamily;
}

}  // namespace hearth
