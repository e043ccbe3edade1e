#include "model/architectures/layer_sizes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "model/architectures/common.h"
#include "model/rope_settings.h"

namespace hearth {
namespace {

constexpr std::int64_t kLayerHeadsMax = 1 << 16;

}  // namespace

AttentionSpec read_shared_sizes(const Settings& settings, std::int64_t config_head_dim) {
  AttentionSpec attention;
  attention.head_dim = settings.positive(settings::kHeadDim).value_or(settings.is_gguf() ? 0 : config_head_dim);
  if (attention.head_dim == 0) throw InvalidInput(fmt::format("{}: no size of heads", settings.file_name()));
  const Setting values{settings::kValueDim.gguf, {"v_head_dim"}};
  const std::int64_t value_dim = settings.positive(values).value_or(attention.head_dim);
  if (value_dim > attention.head_dim) {
    throw Unsupported(
        fmt::format("{}: values of size {} with keys of size {}", settings.file_name(), value_dim, attention.head_dim));
  }
  if (value_dim < attention.head_dim) attention.value_dim = value_dim;
  attention.scale = static_cast<float>(1 / std::sqrt(static_cast<double>(attention.head_dim)));
  return attention;
}

std::vector<bool> layers_with_window(const Settings& settings, const ModelSpec& spec, std::int64_t config_pattern) {
  const bool is_listed = !settings.is_gguf() || settings.list(settings::kSlidingPattern).has_value();
  if (is_listed) return sliding_layers(settings, spec, config_pattern);
  const std::int64_t period = settings.positive(settings::kSlidingPattern).value_or(4);
  std::vector<bool> windowed(spec.layers.size());
  for (std::size_t i = 0; i < windowed.size(); ++i) windowed[i] = static_cast<std::int64_t>(i) % period != 0;
  return windowed;
}

void give_layer_heads(const Settings& settings, const Setting& heads, const Setting& kv_heads, ModelSpec& spec) {
  settings.per_layer(settings::kHeads);  // of all, where each layer has its own
  const auto queries = settings.per_layer(heads), keys = settings.per_layer(kv_heads);
  if (!queries) throw InvalidInput(fmt::format("{}: no number of heads", settings.file_name()));
  for (std::size_t i = 0; i < spec.layers.size(); ++i) {
    AttentionSpec& attention = spec.layers[i].attention();
    attention.head_count = (*queries)[i];
    attention.kv_head_count = keys ? (*keys)[i] : attention.head_count;
    if (attention.head_count <= 0 || attention.head_count > kLayerHeadsMax || attention.kv_head_count <= 0) {
      throw InvalidInput(fmt::format("{}: layer {} has {} heads and {} of keys", settings.file_name(), i,
                                     attention.head_count, attention.kv_head_count));
    }
    check_heads(settings, attention);
  }
}

void read_ropes_of_types(const Settings& settings, ModelSpec& spec) {
  const std::int64_t head_dim = spec.layers.front().attention().head_dim;
  for (const bool windowed : {false, true}) {
    const auto has_window = [&](const LayerSpec& layer) { return (layer.attention().mask.window > 0) == windowed; };
    if (std::ranges::none_of(spec.layers, has_window)) continue;
    const std::string_view type = windowed ? "sliding_attention" : "full_attention";
    if (!settings.is_gguf() && !has_rope_of(settings, type)) {
      throw InvalidInput(
          fmt::format("{}: setting 'rope_parameters' has none for layers of type {}", settings.file_name(), type));
    }
    RopeSpec rope = read_rope_spec(settings, RopePairs::kHalfSplit, head_dim, spec.context_max, type);
    if (settings.is_gguf() && windowed) {
      rope.scaling = {};
      rope.frequency_divisors.clear();
      rope.base = settings.positive_number({"rope.freq_base_swa"}).value_or(rope.base);
      rope.rotary_dim = settings.positive({"rope.dimension_count_swa"}).value_or(rope.rotary_dim);
      check_rope(settings, rope, head_dim);
    }
    for (LayerSpec& layer : spec.layers) {
      if (has_window(layer)) layer.attention().rope = static_cast<int>(spec.ropes.size());
    }
    spec.ropes.push_back(std::move(rope));
  }
}

}  // namespace hearth
