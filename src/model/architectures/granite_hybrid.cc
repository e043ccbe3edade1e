// Granite 4 (IBM 2025): layers of Mamba 2 among layers of attention, most without positions; dense, or of experts with
// one that all tokens ask.
#include "base/error.h"
#include "model/architectures/common.h"
#include "model/architectures/expert_settings.h"
#include "model/architectures/families.h"
#include "model/architectures/granite_settings.h"
#include "model/architectures/hybrid_settings.h"

#include <fmt/format.h>

namespace hearth {
namespace {

std::vector<bool> mamba_layers(const Settings& settings) {
  if (settings.is_gguf()) return recurrent_layers_of_gguf(settings, 1);
  const std::vector<LayerKind> kinds = listed_layer_kinds(settings);
  const auto count = static_cast<std::size_t>(settings.layer_count());
  if (!kinds.empty() && kinds.size() != count) {
    throw InvalidInput(fmt::format("{}: layer_types lists {} layers of {}", settings.file_name(), kinds.size(), count));
  }
  std::vector<bool> result(count, true);
  for (std::size_t i = 0; i < kinds.size(); ++i) result[i] = kinds[i] == LayerKind::kRecurrence;
  return result;
}

// Whether queries and keys are rotated: GGUF files say it with a key that elsewhere is about training.
bool has_rope(const Settings& settings) {
  if (settings.is_gguf()) return settings.boolean({"rope.scaling.finetuned"}).value_or(true);
  return settings.text({"", {"position_embedding_type"}}).value_or("") == "rope";
}

ModelSpec read_granite_hybrid(const Settings& settings) {
  ModelSpec spec = read_granite_decoder(settings, AttentionLayers::kSome);
  spec.ff_scales = false;
  const std::int64_t shared_width = settings.positive({"", {"shared_intermediate_size"}})
                                        .value_or(settings.positive(settings::kSharedWidth).value_or(0));
  if (settings.positive(settings::kExpertCount).value_or(0) > 0) {
    ExpertsSpec experts = read_experts(settings, {.score = RouterScore::kChosenSoftmax});
    experts.shared_width = shared_width;
    give_experts(settings, experts, spec);
  } else if (shared_width > 0) {
    for (LayerSpec& layer : spec.layers) layer.mlp().width = shared_width;
  }
  const std::vector<bool> is_mamba = mamba_layers(settings);
  const bool rotates = has_rope(settings);
  MambaSpec mamba = read_mamba2(settings, spec.width);
  read_step_limits(settings, mamba);
  mamba.norm = MambaNorm::kGateFirst;
  mamba.norm_groups = settings.is_gguf() ? mamba.groups : 1;
  for (std::size_t i = 0; i < is_mamba.size(); ++i) {
    LayerSpec& layer = spec.layers[i];
    if (!rotates) layer.attention().rope = -1;
    if (is_mamba[i]) layer.mixer = mamba;
  }
  return spec;
}

// A file without experts calls the shared one its feed-forward part.
constexpr OwnName kOwnNames[]{
    {NameScheme::kLlama, Weight::kFfGate, "model.layers.{}.shared_mlp.gate_proj"},
    {NameScheme::kLlama, Weight::kFfGateUp, "model.layers.{}.shared_mlp.input_linear"},
    {NameScheme::kLlama, Weight::kFfDown, "model.layers.{}.shared_mlp.output_linear"},
    {NameScheme::kLlama, Weight::kRouter, "model.layers.{}.block_sparse_moe.router.layer"},
    {NameScheme::kLlama, Weight::kExpertGate, ""},
    {NameScheme::kLlama, Weight::kExpertGateUp, "model.layers.{}.block_sparse_moe.input_linear"},
    {NameScheme::kLlama, Weight::kExpertDown, "model.layers.{}.block_sparse_moe.output_linear"},
    {NameScheme::kLlama, Weight::kSharedGateUp, "model.layers.{}.shared_mlp.input_linear"},
    {NameScheme::kLlama, Weight::kSharedDown, "model.layers.{}.shared_mlp.output_linear"}};

}  // namespace

std::span<const Architecture> granite_hybrid_family() {
  static constexpr Architecture kFamily[]{{"granitehybrid", "granitemoehybrid", NameScheme::kLlama, read_granite_hybrid,
                                           kOwnNames, FamilyKind::kHybrid, "attention, Mamba"}};
  return kFamily;
}

}  // namespace hearth
