// Mellum 2 (JetBrains 2026): Qwen 3's attention with windows on some layers, each kind of layer with a rope of its own,
// and experts.
#include "model/architectures/common.h"
#include "model/architectures/expert_settings.h"
#include "model/architectures/families.h"
#include "model/architectures/layer_sizes.h"

namespace hearth {
namespace {

ModelSpec read_mellum(const Settings& settings) {
  AttentionSpec attention = read_shared_sizes(settings, 128);
  norm_query_and_key(attention, NormKind::kRms);
  ModelSpec spec = read_sizes_around(settings, attention);
  spec.norm.epsilon = static_cast<float>(settings.number(settings::kRmsEpsilon).value_or(1e-6));
  read_activation(settings, Activation::kSilu, spec);
  give_layer_heads(settings, settings::kHeads, settings::kKvHeads, spec);
  if (const auto window = settings.positive(settings::kSlidingWindow)) {
    slide(sliding_layers(settings, spec, 4), *window, spec);
  }
  read_ropes_of_types(settings, spec);
  const ExpertsSpec experts = read_experts(settings, {.normalize = true, .gguf_normalize = true});
  if (!give_listed_experts(settings, experts, spec)) give_experts(settings, experts, spec);
  return spec;
}

}  // namespace

std::span<const Architecture> mellum_family() {
  static constexpr Architecture kFamily[]{
      {"mellum", "mellum", NameScheme::kLlama, read_mellum, {}, FamilyKind::kExperts}};
  return kFamily;
}

}  // namespace hearth
