// MiMo-V2-Flash (Xiaomi 2025): windows on most layers, which have sinks, other numbers of key heads and a rope of their
// own; values that are shorter than keys, and scaled; a dense layer, then experts that a sigmoid and a bias choose.
#include <fmt/format.h>

#include <boost/json/array.hpp>

#include "base/error.h"
#include "model/architectures/common.h"
#include "model/architectures/expert_settings.h"
#include "model/architectures/families.h"
#include "model/architectures/layer_sizes.h"
#include "weights/json_fields.h"

namespace hearth {
namespace {

// The published config.json counts windows and experts by layer with 0 and 1, and has the rope of each kind of layer
// beside the others; that of transformers 5 names the layers' types.
bool is_published(const Settings& settings) {
  return settings.config("hybrid_layer_pattern") != nullptr;
}

// Of a list of config.json with a number for each layer.
std::vector<bool> marked_layers(const Settings& settings, std::string_view key, const ModelSpec& spec) {
  const auto list = settings.per_layer({"", {key}});
  std::vector<bool> marked(spec.layers.size());
  for (std::size_t i = 0; list && i < marked.size(); ++i) marked[i] = (*list)[i] != 0;
  return marked;
}

void read_mimo_heads(const Settings& settings, const std::vector<bool>& windowed, ModelSpec& spec) {
  give_layer_heads(settings, settings::kHeads, settings::kKvHeads, spec);
  if (settings.is_gguf()) return;
  const auto of_windows = settings.positive({"", {"swa_num_key_value_heads"}});
  for (std::size_t i = 0; i < windowed.size(); ++i) {
    AttentionSpec& attention = spec.layers[i].attention();
    if (!windowed[i]) continue;
    // transformers 5 does not look at the number.
    attention.kv_head_count = is_published(settings) && of_windows ? *of_windows : 2 * attention.kv_head_count;
    check_heads(settings, attention);
  }
}

void refuse_other_sizes(const Settings& settings, const ModelSpec& spec) {
  const AttentionSpec& attention = spec.layers.front().attention();
  const std::int64_t value_dim = attention.value_dim > 0 ? attention.value_dim : attention.head_dim;
  struct Size {
    std::string_view key;
    std::int64_t value;
  };
  for (const Size& size : {Size{"swa_head_dim", attention.head_dim}, Size{"swa_v_head_dim", value_dim},
                           Size{"swa_num_attention_heads", attention.head_count}}) {
    const auto stated = settings.positive({"", {size.key}});
    if (!stated || *stated == size.value || !is_published(settings)) continue;
    throw Unsupported(fmt::format("{}: setting '{}' is {}, other layers have {}", settings.file_name(), size.key,
                                  *stated, size.value));
  }
}

// Which kinds of layers have sinks: those with a window, unless the published settings say otherwise; of a GGUF file
// those that have the tensor.
void read_mimo_sinks(const Settings& settings, const std::vector<bool>& windowed, ModelSpec& spec) {
  const bool of_windowed = settings.boolean({"", {"add_swa_attention_sink_bias"}}).value_or(true);
  const bool of_others = settings.boolean({"", {"add_full_attention_sink_bias"}}).value_or(false);
  for (std::size_t i = 0; i < windowed.size(); ++i) {
    const bool in_file = settings.source().find(fmt::format("blk.{}.attn_sinks.weight", i)) != nullptr;
    spec.layers[i].attention().sinks = settings.is_gguf() ? in_file : windowed[i] ? of_windowed : of_others;
  }
}

void read_published_ropes(const Settings& settings, ModelSpec& spec) {
  read_rope(settings, RopePairs::kHalfSplit, spec);
  add_sliding_rope(settings, {"", {"swa_rope_theta"}}, 10000, spec);
}

ModelSpec read_mimo2(const Settings& settings) {
  AttentionSpec attention = read_shared_sizes(settings, 192);
  const Setting scale{"attention.value_scale", {"attention_value_scale"}};
  attention.value_factor = static_cast<float>(settings.positive_number(scale).value_or(1));
  ModelSpec spec = read_sizes_around(settings, attention);
  spec.norm.epsilon = static_cast<float>(
      settings.number({settings::kRmsEpsilon.gguf, {"rms_norm_eps", "layernorm_epsilon"}}).value_or(1e-6));
  read_activation(settings, Activation::kSilu, spec);
  const std::vector<bool> windowed = is_published(settings) ? marked_layers(settings, "hybrid_layer_pattern", spec)
                                                            : sliding_layers(settings, spec, 6);
  settings.integer({"", {"attention_chunk_size"}});  // of a program that attends in pieces; the window says it all
  read_mimo_heads(settings, windowed, spec);
  refuse_other_sizes(settings, spec);
  slide(windowed, settings.positive(settings::kSlidingWindow).value_or(128), spec);
  read_mimo_sinks(settings, windowed, spec);
  is_published(settings) ? read_published_ropes(settings, spec) : read_ropes_of_types(settings, spec);
  const ExpertsSpec experts = read_experts(
      settings, {.score = RouterScore::kSigmoid, .normalize = true, .gguf_normalize = true, .sum_offset = 1e-20f});
  const std::vector<bool> has_experts = marked_layers(settings, "moe_layer_freq", spec);
  for (std::size_t i = 0; i < has_experts.size(); ++i) {
    if (has_experts[i]) spec.layers[i].feed_forward = experts;
  }
  give_listed_experts(settings, experts, spec);
  give_experts_in_file(settings, experts, spec);
  for (LayerSpec& layer : spec.layers) {
    if (layer.has_experts()) layer.experts().shared_width = 0;
  }
  return spec;
}

constexpr OwnName kMimoNames[]{{NameScheme::kLlama, Weight::kAttentionSinks,
                                "model.layers.{0}.self_attn.attention_sink_bias|model.layers.{0}.self_attn.sinks"}};

}  // namespace

std::span<const Architecture> mimo2_family() {
  static constexpr Architecture kFamily[]{
      {"mimo2", "mimo_v2_flash", NameScheme::kLlama, read_mimo2, kMimoNames, FamilyKind::kExperts}};
  return kFamily;
}

}  // namespace hearth
