// Command-R and R+ (Cohere 2024) and Cohere 2: both halves of a layer side by side behind one LayerNorm without bias,
// scaled logits, a rope of adjacent pairs; R+ norms queries and keys as well. Cohere 2 has a window on three layers of
// four, and no rope on the others. Its kin with experts (2026) may have an RMS norm, begins with a few dense layers,
// which are rotated in any case, and takes the mean of what experts say and of what one says that all tokens ask.
#include <fmt/format.h>

#include "base/error.h"
#include "model/architectures/common.h"
#include "model/architectures/expert_settings.h"
#include "model/architectures/families.h"
#include "model/architectures/layer_sizes.h"

namespace hearth {
namespace {

ModelSpec read_cohere(const Settings& settings) {
  ModelSpec spec = read_layer_norm_decoder(settings, RopePairs::kAdjacent, Activation::kSilu);
  spec.logit_scale = static_cast<float>(settings.positive_number({"logit_scale", {"logit_scale"}}).value_or(0.0625));
  const bool has_norms = settings.is_gguf() ? settings.source().find("blk.0.attn_q_norm.weight") != nullptr
                                            : settings.boolean({"", {"use_qk_norm"}}).value_or(false);
  for (LayerSpec& layer : spec.layers) {
    layer.parallel = true;
    if (has_norms) norm_query_and_key(layer.attention(), NormKind::kLayer, true);
  }
  return spec;
}

ModelSpec read_cohere2(const Settings& settings) {
  ModelSpec spec = read_cohere(settings);
  spec.ff_scales = true;
  const std::vector<bool> slides = sliding_layers(settings, spec, 4);
  slide(slides, settings.positive(settings::kSlidingWindow).value_or(4096), spec);
  for (std::size_t i = 0; i < slides.size(); ++i) {
    if (!slides[i]) spec.layers[i].attention().rope = -1;
  }
  return spec;
}

bool is_one_of(const Settings& settings, std::string_view key, std::string_view usual, std::string_view other) {
  const auto value = settings.text({"", {key}}).value_or(std::string(usual));
  if (value == usual || value == other) return value == usual;
  throw Unsupported(fmt::format("{}: setting '{}' is '{}'", settings.file_name(), key, value));
}

ExpertsSpec read_cohere_experts(const Settings& settings) {
  const bool softmax = !settings.is_gguf() && is_one_of(settings, "expert_selection_fn", "softmax", "sigmoid");
  ExpertsSpec experts = read_experts(settings, {.score = softmax ? RouterScore::kChosenSoftmax : RouterScore::kSigmoid,
                                                .normalize = !settings.is_gguf()});
  if (softmax) experts.routing.normalize = false;
  const bool averages =
      settings.is_gguf() || is_one_of(settings, "shared_expert_combination_strategy", "average", "sum");
  if (experts.shared_width > 0) {
    if (settings.is_gguf()) {
      experts.shared_width = settings.positive(settings::kSharedWidth).value_or(experts.shared_width);
    }
    experts.shared_factor = averages ? 0.5f : 1;
    experts.routing.scale *= experts.shared_factor;
  }
  return experts;
}

ModelSpec read_cohere2_moe(const Settings& settings) {
  ModelSpec spec = read_cohere(settings);
  if (const auto epsilon = settings.positive_number(settings::kRmsEpsilon)) {
    spec.norm = {NormKind::kRms, static_cast<float>(*epsilon)};
  }
  const std::vector<bool> windowed = layers_with_window(settings, spec, 4);
  slide(windowed, settings.positive(settings::kSlidingWindow).value_or(4096), spec);
  const auto dense_width = settings.positive({"", {"prefix_dense_intermediate_size"}});
  for (LayerSpec& layer : spec.layers) layer.mlp().width = dense_width.value_or(layer.mlp().width);
  const ExpertsSpec experts = read_cohere_experts(settings);
  if (!give_listed_experts(settings, experts, spec)) give_experts(settings, experts, spec);
  const bool rotates_dense = settings.integer({"", {"prefix_dense_sliding_window_pattern"}}).value_or(1) == 1;
  for (std::size_t i = 0; i < windowed.size(); ++i) {
    const bool is_dense = !spec.layers[i].has_experts();
    if (!windowed[i] && !(is_dense && rotates_dense)) spec.layers[i].attention().rope = -1;
  }
  return spec;
}

}  // namespace

std::span<const Architecture> cohere_family() {
  static constexpr Architecture kFamily[]{
      {"command-r", "cohere", NameScheme::kLlama, read_cohere},
      {"cohere2", "cohere2", NameScheme::kLlama, read_cohere2},
      {"cohere2moe", "cohere2_moe", NameScheme::kLlama, read_cohere2_moe, {}, FamilyKind::kExperts}};
  return kFamily;
}

}  // namespace hearth
