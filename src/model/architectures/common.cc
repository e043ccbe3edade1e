#include "model/architectures/common.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "kernels/attention/paged_kv.h"
#include "model/rope_settings.h"

namespace hearth {
namespace {

// Past any model there is, and small enough that products of two never overflow.
constexpr std::int64_t kSizeMax = std::int64_t{1} << 28;

// Of the layers that have any; absent, or 0 everywhere: nullopt.
std::optional<std::int64_t> heads_of_some(const Settings& settings, const Setting& setting) {
  const auto list = settings.per_layer(setting);
  if (!list) return std::nullopt;
  std::int64_t count = 0;
  for (const std::int64_t of_layer : *list) {
    if (of_layer <= 0) continue;
    if (count > 0 && of_layer != count) {
      throw Unsupported(fmt::format("{}: setting '{}' is {} in one layer and {} in another", settings.file_name(),
                                    setting.gguf, count, of_layer));
    }
    count = of_layer;
  }
  if (count > kSizeMax) throw InvalidInput(fmt::format("{}: {} heads", settings.file_name(), count));
  return count > 0 ? std::optional(count) : std::nullopt;
}

void read_heads(const Settings& settings, AttentionLayers layers, AttentionSpec& attention) {
  if (layers == AttentionLayers::kAll) {
    attention.head_count = settings.required(settings::kHeads, kSizeMax);
    attention.kv_head_count = settings.positive(settings::kKvHeads).value_or(attention.head_count);
    return;
  }
  const auto heads = heads_of_some(settings, settings::kHeads);
  if (!heads) throw InvalidInput(fmt::format("{}: no layer has heads", settings.file_name()));
  attention.head_count = *heads;
  attention.kv_head_count = heads_of_some(settings, settings::kKvHeads).value_or(*heads);
}

}  // namespace

void check_heads(const Settings& settings, const AttentionSpec& spec) {
  if (spec.head_count % spec.kv_head_count != 0) {
    throw InvalidInput(fmt::format("{}: {} query heads cannot be shared by {} key/value heads", settings.file_name(),
                                   spec.head_count, spec.kv_head_count));
  }
  if (spec.head_dim % 8 != 0 || spec.head_dim > kHeadDimMax) {
    throw Unsupported(fmt::format("{}: a head size of {}; supported are multiples of 8 up to {}", settings.file_name(),
                                  spec.head_dim, kHeadDimMax));
  }
}

std::vector<bool> layers_without_kv_heads(const Settings& settings) {
  const auto kv_heads = settings.per_layer(settings::kKvHeads);
  std::vector<bool> result(static_cast<std::size_t>(settings.layer_count()));
  for (std::size_t i = 0; kv_heads && i < result.size(); ++i) result[i] = (*kv_heads)[i] == 0;
  return result;
}

ModelSpec read_sizes(const Settings& settings, std::optional<std::int64_t> config_head_dim,
                     AttentionLayers attention_layers, std::optional<std::int64_t> config_context) {
  const std::int64_t width = settings.required(settings::kWidth, kSizeMax);
  AttentionSpec attention;
  read_heads(settings, attention_layers, attention);
  const bool family_has_one = config_head_dim && !settings.is_gguf();
  const std::int64_t usual_head_dim = family_has_one ? *config_head_dim : width / attention.head_count;
  attention.head_dim = settings.positive(settings::kHeadDim).value_or(usual_head_dim);
  if (const auto value_dim = settings.positive(settings::kValueDim); value_dim && *value_dim != attention.head_dim) {
    throw Unsupported(fmt::format("{}: values of size {} with keys of size {}", settings.file_name(), *value_dim,
                                  attention.head_dim));
  }
  check_heads(settings, attention);
  attention.scale = static_cast<float>(1 / std::sqrt(static_cast<double>(attention.head_dim)));
  return read_sizes_around(settings, attention, config_context);
}

ModelSpec read_sizes_around(const Settings& settings, const AttentionSpec& attention,
                            std::optional<std::int64_t> config_context) {
  ModelSpec spec;
  spec.architecture = settings.architecture();
  spec.width = settings.required(settings::kWidth, kSizeMax);
  const auto ff_widths = settings.per_layer(settings::kFfWidth);
  const bool says_context = settings.is_gguf() || !config_context || settings.integer(settings::kContext);
  spec.context_max = says_context ? settings.required(settings::kContext, kSizeMax) : *config_context;
  const std::int64_t layer_count = settings.layer_count();
  LayerSpec layer;
  layer.mixer = attention;
  layer.feed_forward = MlpSpec{.width = 4 * spec.width};
  spec.layers.assign(static_cast<std::size_t>(layer_count), layer);
  for (std::size_t i = 0; ff_widths && i < spec.layers.size(); ++i) {
    const std::int64_t ff_width = (*ff_widths)[i];
    if (ff_width > kSizeMax) {
      throw InvalidInput(fmt::format("{}: a feed-forward part of {}", settings.file_name(), ff_width));
    }
    if (ff_width > 0) spec.layers[i].mlp().width = ff_width;
  }
  return spec;
}

void read_rope(const Settings& settings, RopePairs gguf_pairs, ModelSpec& spec, RopePairs config_pairs) {
  const RopePairs pairs = settings.is_gguf() ? gguf_pairs : config_pairs;
  const AttentionSpec& attention = spec.layers.front().attention();
  const std::int64_t head_dim = attention.latent ? attention.latent->rope_dim : attention.head_dim;
  spec.ropes.push_back(read_rope_spec(settings, pairs, head_dim, spec.context_max, ""));
  // The only scaling whose files state the context before stretching.
  const RopeScaling& scaling = spec.ropes.back().scaling;
  if (!settings.is_gguf() && scaling.kind == RopeScalingKind::kDynamicNtk && scaling.factor > 1 &&
      scaling.factor < 1024) {
    spec.context_max = static_cast<std::int64_t>(static_cast<double>(spec.context_max) * scaling.factor);
  }
  for (LayerSpec& layer : spec.layers) layer.attention().rope = static_cast<int>(spec.ropes.size()) - 1;
}

bool has_position_sections(const Settings& settings, std::int64_t rotary_dim) {
  const auto sections = settings.list({"rope.dimension_sections"});
  if (!sections || std::ranges::all_of(*sections, [](std::int64_t n) { return n == 0; })) return false;
  const std::size_t three = std::min<std::size_t>(sections->size(), 3);
  const std::int64_t text = std::accumulate(sections->begin(), sections->begin() + three, std::int64_t{0});
  const bool has_fourth = sections->size() > 3 && (*sections)[3] != 0;
  if (has_fourth && text < rotary_dim / 2) {
    throw Unsupported(
        fmt::format("{}: setting 'rope.dimension_sections' gives a fourth position to some of {} elements",
                    settings.file_name(), rotary_dim));
  }
  return true;
}

void add_sliding_rope(const Settings& settings, const Setting& base, double base_default, ModelSpec& spec) {
  RopeSpec rope = spec.ropes.front();
  const auto stated_base = settings.positive_number(base);
  if (has_rope_of(settings, "sliding_attention")) {
    rope = read_rope_spec(settings, rope.pairs, spec.layers.front().attention().head_dim, spec.context_max,
                          "sliding_attention");
  } else {
    rope.scaling = {};
    rope.frequency_divisors.clear();
    rope.base = stated_base.value_or(base_default);
  }
  spec.ropes.push_back(std::move(rope));
  for (LayerSpec& layer : spec.layers) {
    if (layer.attention().mask.kind == MaskKind::kSlidingWindow) layer.attention().rope = 1;
  }
}

void use_alibi(ModelSpec& spec, double max_bias, float factor) {
  spec.ropes.clear();
  for (LayerSpec& layer : spec.layers) {
    AttentionSpec& attention = layer.attention();
    attention.rope = -1;
    const auto heads = static_cast<std::uint64_t>(attention.head_count), n = std::bit_floor(heads);
    for (std::uint64_t h = 0; h < heads; ++h) {
      const auto exponent = h < n ? static_cast<double>(h + 1) : static_cast<double>(h - n) + 0.5;
      const double slope = std::exp2(-max_bias * exponent / static_cast<double>(n));
      attention.slopes.push_back(factor * static_cast<float>(slope));
    }
  }
}

void read_activation(const Settings& settings, Activation fallback, ModelSpec& spec) {
  struct Name {
    std::string_view name;
    Activation activation;
  };
  static constexpr std::array kNames{
      Name{"silu", Activation::kSilu},
      Name{"swish", Activation::kSilu},
      Name{"gelu", Activation::kGelu},
      Name{"gelu_python", Activation::kGelu},
      Name{"gelu_new", Activation::kGeluTanh},
      Name{"gelu_pytorch_tanh", Activation::kGeluTanh},
      Name{"gelu_fast", Activation::kGeluTanh},
      Name{"gelu_accurate", Activation::kGeluTanh},
      Name{"quick_gelu", Activation::kGeluQuick},
      Name{"relu", Activation::kRelu},
      Name{"relu2", Activation::kReluSquared},
      Name{"xielu", Activation::kXielu},
      Name{"swiglu", Activation::kSilu},  // a gate's
  };
  Activation activation = fallback;
  if (const auto name = settings.text(settings::kActivation)) {
    const auto known = std::ranges::find(kNames, *name, &Name::name);
    if (known == kNames.end()) {
      throw Unsupported(fmt::format("{}: activation '{}' is not supported", settings.file_name(), *name));
    }
    activation = known->activation;
  }
  for (LayerSpec& layer : spec.layers) layer.mlp().activation = activation;
}

ModelSpec read_gated_decoder(const Settings& settings, const GatedDecoder& family) {
  ModelSpec spec = read_sizes(settings, family.config_head_dim, family.attention_layers);
  spec.norm.epsilon = static_cast<float>(settings.number(settings::kRmsEpsilon).value_or(family.epsilon));
  read_activation(settings, family.activation, spec);
  read_rope(settings, family.gguf_pairs, spec, family.config_pairs);
  return spec;
}

namespace {

// What an entry of `layer_types` says.
bool layer_slides(const Settings& settings, const boost::json::value& type) {
  if (!type.is_string()) {
    throw InvalidInput(fmt::format("{}: setting 'layer_types' is not a list of strings", settings.file_name()));
  }
  const std::string_view name = type.get_string();
  if (name != "full_attention" && name != "sliding_attention") {
    throw Unsupported(
        fmt::format("{}: setting 'layer_types' names '{}'; supported are full_attention and "
                    "sliding_attention",
                    settings.file_name(), name));
  }
  return name == "sliding_attention";
}

}  // namespace

std::vector<bool> sliding_layers(const Settings& settings, const ModelSpec& spec, std::int64_t pattern) {
  std::vector<bool> slides(spec.layers.size());
  if (const boost::json::array* list = settings.config_list("layer_types")) {
    if (list->size() != slides.size()) {
      throw InvalidInput(
          fmt::format("{}: layer_types lists {} layers of {}", settings.file_name(), list->size(), slides.size()));
    }
    for (std::size_t i = 0; i < slides.size(); ++i) slides[i] = layer_slides(settings, (*list)[i]);
    return slides;
  }
  // GGUF files have the period, or the layers themselves.
  if (const auto listed = settings.list(settings::kSlidingPattern)) {
    for (std::size_t i = 0; i < slides.size(); ++i) slides[i] = i < listed->size() && (*listed)[i] != 0;
    return slides;
  }
  pattern = settings.positive(settings::kSlidingPattern).value_or(pattern);
  for (std::size_t i = 0; i < slides.size(); ++i) slides[i] = (static_cast<std::int64_t>(i) + 1) % pattern != 0;
  return slides;
}

void slide(const std::vector<bool>& layers, std::int64_t window, ModelSpec& spec) {
  for (std::size_t i = 0; i < spec.layers.size(); ++i) {
    if (layers[i]) spec.layers[i].attention().mask = {.kind = MaskKind::kSlidingWindow, .window = window};
  }
}

void read_query_scale(const Settings& settings, ModelSpec& spec) {
  const auto beta = settings.is_gguf() ? settings.number({"attention.temperature_scale"})
                                       : number_beside_rope(settings, "llama_4_scaling_beta");
  const std::int64_t original = spec.ropes.front().scaling.original_context;
  const std::int64_t length = settings.positive({"attention.temperature_length"}).value_or(original);
  number_beside_rope(settings, "max_position_embeddings");
  const PositionScale scale{static_cast<float>(beta.value_or(0)), std::max<std::int64_t>(1, length)};
  for (LayerSpec& layer : spec.layers) layer.attention().query_scale = scale;
}

void read_sliding_window(const Settings& settings, std::int64_t first_layer, ModelSpec& spec) {
  const auto window = settings.positive(settings::kSlidingWindow);
  if (!window) return;
  if (settings.config("layer_types") != nullptr) {
    slide(sliding_layers(settings, spec, 1), *window, spec);
    return;
  }
  std::vector<bool> slides(spec.layers.size());
  for (std::size_t i = 0; i < slides.size(); ++i) slides[i] = static_cast<std::int64_t>(i) >= first_layer;
  slide(slides, *window, spec);
}

ModelSpec read_layer_norm_decoder(const Settings& settings, RopePairs pairs, Activation activation,
                                  std::optional<std::int64_t> config_context) {
  ModelSpec spec = read_sizes(settings, std::nullopt, AttentionLayers::kAll, config_context);
  spec.norm = {NormKind::kLayer, static_cast<float>(settings.number(settings::kLayerNormEpsilon).value_or(1e-5))};
  read_activation(settings, activation, spec);
  read_rope(settings, pairs, spec, pairs);
  return spec;
}

void norm_query_and_key(AttentionSpec& attention, NormKind kind, bool by_head) {
  attention.query_key_norm = QueryKeyNorm::kHead;
  attention.query_key_norm_kind = kind;
  attention.query_key_norm_by_head = by_head;
}

void refuse_if(const Settings& settings, const Setting& setting, std::string_view what) {
  if (!settings.boolean(setting).value_or(false)) return;
  throw Unsupported(fmt::format("{}: {} is not supported", settings.file_name(), what));
}

ModelSpec read_gpt_sizes(const Settings& settings) {
  ModelSpec spec = read_sizes(settings);
  spec.norm = {NormKind::kLayer, static_cast<float>(settings.number(settings::kLayerNormEpsilon).value_or(1e-5))};
  read_activation(settings, Activation::kGeluTanh, spec);
  for (LayerSpec& layer : spec.layers) layer.mlp().gated = false;
  spec.learned_positions = true;
  if (!settings.boolean({"", {"scale_attn_weights"}}).value_or(true)) {
    for (LayerSpec& layer : spec.layers) layer.attention().scale = 1;
  }
  return spec;
}

}  // namespace hearth
