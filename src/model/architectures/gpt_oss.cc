// gpt-oss (OpenAI 2025): sinks in every head, sliding windows in every other layer, biases everywhere, experts with a
// clamped gate, whose checkpoints write gate and up in turn and all of it transposed, or packed as mxfp4.
#include "model/architectures/common.h"
#include "model/architectures/expert_settings.h"
#include "model/architectures/families.h"

namespace hearth {
namespace {

ModelSpec read_gpt_oss(const Settings& settings) {
  ModelSpec spec =
      read_gated_decoder(settings, {.gguf_pairs = RopePairs::kHalfSplit, .epsilon = 1e-5, .config_head_dim = 64});
  // The model was trained with the ramp's exact ends; GGUF files cannot say so.
  if (settings.is_gguf()) spec.ropes.front().scaling.truncate = false;
  if (const auto window = settings.positive(settings::kSlidingWindow)) {
    slide(sliding_layers(settings, spec, 2), *window, spec);
  }
  for (LayerSpec& layer : spec.layers) layer.attention().sinks = true;
  ExpertsSpec experts = read_experts(settings, {.score = RouterScore::kChosenSoftmax});
  experts.activation = Activation::kGeluQuick;
  experts.gating.limit = static_cast<float>(settings.positive_number({"", {"swiglu_limit"}}).value_or(7));
  experts.gating.up_offset = 1;
  give_experts(settings, experts, spec);
  spec.transposed_experts = !settings.is_gguf();
  spec.interleaved_gate_up = !settings.is_gguf();
  return spec;
}

constexpr OwnName kOwnNames[]{{NameScheme::kGguf, Weight::kFfNorm, "blk.{}.post_attention_norm"},
                              {NameScheme::kLlama, Weight::kRouter, "model.layers.{}.mlp.router"},
                              {NameScheme::kLlama, Weight::kExpertGate, ""},
                              {NameScheme::kLlama, Weight::kExpertUp, ""},
                              {NameScheme::kLlama, Weight::kExpertGateUp, "model.layers.{}.mlp.experts.gate_up_proj"},
                              {NameScheme::kLlama, Weight::kExpertDown, "model.layers.{}.mlp.experts.down_proj"}};

}  // namespace

std::span<const Architecture> gpt_oss_family() {
  static constexpr Architecture kFamily[]{
      {"gpt-oss", "gpt_oss", NameScheme::kLlama, read_gpt_oss, kOwnNames, FamilyKind::kExperts}};
  return kFamily;
}

}  // namespace hearth
