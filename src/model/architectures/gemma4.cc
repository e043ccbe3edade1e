// Gemma 4's text models (Google 2026): windows on all but every sixth layer or so, whose heads are of another size and
// number than those of the layers that see everything and that rotate a quarter of each head; norms of values without
// weights. The small ones have inputs of layers' own, and last layers without keys; the largest make values by the
// keys' matrix; one has experts beside each dense part.
#include <fmt/format.h>

#include <cmath>

#include "base/error.h"
#include "model/architectures/common.h"
#include "model/architectures/expert_settings.h"
#include "model/architectures/families.h"
#include "model/architectures/shared_keys.h"
#include "model/rope_settings.h"
#include "weights/json_fields.h"

namespace hearth {
namespace {

constexpr std::int64_t kHeadsMax = 1 << 16;

bool has_layer_tensor(const Settings& settings, std::string_view pattern, std::size_t layer) {
  return settings.source().find(fmt::format(fmt::runtime(pattern), layer)) != nullptr;
}

// Which layers have a window; config.json's last one sees everything in any case.
std::vector<bool> windowed_layers(const Settings& settings) {
  ModelSpec layers;
  layers.layers.resize(static_cast<std::size_t>(settings.layer_count()));
  std::vector<bool> slides = sliding_layers(settings, layers, 6);
  if (!settings.is_gguf()) slides.back() = false;
  return slides;
}

// A layer's own values of some settings of config.json: `per_layer_config`, by its number or its type.
void read_own_sizes(const Settings& settings, std::size_t layer, bool slides, AttentionSpec& attention) {
  const boost::json::object* all = settings.config_object("per_layer_config");
  for (const std::string& key : {std::string(slides ? "sliding_attention" : "full_attention"), std::to_string(layer)}) {
    const boost::json::value* own = all == nullptr ? nullptr : find_field(*all, key);
    if (own == nullptr) continue;
    for (const auto& [name, value] : as_object(*own, key, settings.file_name())) {
      if (value.is_null()) continue;
      if (name == "head_dim") {
        attention.head_dim = as_integer(value, name, settings.file_name());
      } else if (name == "num_key_value_heads") {
        attention.kv_head_count = as_integer(value, name, settings.file_name());
      } else {
        throw Unsupported(
            fmt::format("{}: setting 'per_layer_config' gives layer {} a '{}' of its own, which is not known",
                        settings.file_name(), layer, std::string(name)));
      }
    }
  }
}

// As long as the norm of a layer's queries is; 512 where the file has none.
std::int64_t head_dim_of_norm(const Settings& settings, std::size_t layer) {
  const std::string end = fmt::format("layers.{}.self_attn.q_norm.weight", layer);
  for (const WeightEntry& entry : settings.source().tensors()) {
    const std::string_view name = entry.name;
    const bool is_tower = name.find("vision") != name.npos || name.find("audio") != name.npos;
    if (name.ends_with(end) && !is_tower) return entry.shape.element_count();
  }
  return 512;
}

// In files without `per_layer_config`.
void read_global_sizes(const Settings& settings, std::size_t layer, AttentionSpec& attention) {
  const auto head_dim = settings.positive({"", {"global_head_dim"}});
  attention.head_dim = head_dim ? *head_dim : head_dim_of_norm(settings, layer);
  const auto kv_heads = settings.positive({"", {"num_global_key_value_heads"}});
  if (kv_heads && settings.boolean({"", {"attention_k_eq_v"}}).value_or(true)) attention.kv_head_count = *kv_heads;
}

std::vector<AttentionSpec> read_attention(const Settings& settings, const std::vector<bool>& slides) {
  const auto heads = settings.per_layer(settings::kHeads), kv_heads = settings.per_layer(settings::kKvHeads);
  if (!heads) throw InvalidInput(fmt::format("{}: setting '{}' is missing", settings.file_name(), "heads"));
  const std::int64_t head_dim = settings.positive(settings::kHeadDim).value_or(256);
  const auto windowed_dim = settings.positive({"attention.key_length_swa"});
  for (const Setting& setting : {settings::kValueDim, Setting{"attention.value_length_swa"}}) {
    const auto values = settings.positive(setting);
    const std::int64_t keys = setting.gguf == settings::kValueDim.gguf ? head_dim : windowed_dim.value_or(head_dim);
    if (!values || *values == keys) continue;
    throw Unsupported(fmt::format("{}: values of size {} with keys of size {}", settings.file_name(), *values, keys));
  }
  const bool by_keys = settings.boolean({"", {"attention_k_eq_v"}}).value_or(false);
  const bool has_own_sizes = settings.config("per_layer_config") != nullptr;
  std::vector<AttentionSpec> layers(slides.size());
  for (std::size_t i = 0; i < layers.size(); ++i) {
    AttentionSpec& attention = layers[i];
    attention.head_count = (*heads)[i];
    attention.kv_head_count = kv_heads ? (*kv_heads)[i] : attention.head_count;
    attention.head_dim = slides[i] ? windowed_dim.value_or(head_dim) : head_dim;
    attention.values_of_keys = by_keys && !slides[i];
    if (settings.is_gguf()) {
      attention.values_of_keys = !has_layer_tensor(settings, "blk.{}.attn_v.weight", i) &&
                                 !has_layer_tensor(settings, "blk.{}.attn_qkv.weight", i);
    } else if (has_own_sizes) {
      read_own_sizes(settings, i, slides[i], attention);
    } else if (!slides[i]) {
      read_global_sizes(settings, i, attention);
    }
    if (attention.head_count <= 0 || attention.head_count > kHeadsMax || attention.kv_head_count <= 0 ||
        attention.head_dim <= 0) {
      throw InvalidInput(fmt::format("{}: layer {} has {} heads of {} with {} of keys", settings.file_name(), i,
                                     attention.head_count, attention.head_dim, attention.kv_head_count));
    }
    check_heads(settings, attention);
    attention.scale = 1;
    attention.value_norm = true;
    norm_query_and_key(attention, NormKind::kRms);
  }
  return layers;
}

// The first of the layers that see everything, then that of those with a window.
void read_ropes(const Settings& settings, const std::vector<bool>& slides, ModelSpec& spec) {
  for (const bool windowed : {false, true}) {
    std::int64_t head_dim = 0;
    for (std::size_t i = 0; i < slides.size(); ++i) {
      AttentionSpec& attention = spec.layers[i].attention();
      if (slides[i] != windowed) continue;
      if (head_dim != 0 && head_dim != attention.head_dim) {
        throw Unsupported(
            fmt::format("{}: heads of {} and of {} with one rope", settings.file_name(), head_dim, attention.head_dim));
      }
      head_dim = attention.head_dim;
      attention.rope = static_cast<int>(spec.ropes.size());
    }
    if (head_dim == 0) continue;
    const std::string_view type = windowed ? "sliding_attention" : "full_attention";
    RopeSpec rope;
    if (settings.is_gguf() && windowed) {
      rope.rotary_dim = settings.positive({"rope.dimension_count_swa"}).value_or(head_dim);
      rope.base = settings.positive_number({"rope.freq_base_swa"}).value_or(10000);
      check_rope(settings, rope, head_dim);
    } else if (settings.is_gguf() || has_rope_of(settings, type)) {
      rope = read_rope_spec(settings, RopePairs::kHalfSplit, head_dim, spec.context_max, type);
    } else {
      rope.rotary_dim = head_dim;
      rope.base = windowed ? 10000 : 1000000;
      if (!windowed) {
        rope.frequency_divisors.assign(static_cast<std::size_t>(head_dim / 2), INFINITY);
        std::fill_n(rope.frequency_divisors.begin(), head_dim / 8, 1.0);
      }
      check_rope(settings, rope, head_dim);
    }
    spec.ropes.push_back(std::move(rope));
  }
}

ExpertsSpec read_gemma4_experts(const Settings& settings) {
  ExpertsSpec experts = read_experts(settings, {.normalize = true, .gguf_normalize = true});
  Routing routing;
  routing.expert_count = experts.routing.expert_count;
  routing.used = experts.routing.used;
  routing.normalize = true;
  experts.routing = routing;
  experts.shared_width = 0;
  experts.router_norm = true;
  return experts;
}

// Experts go beside the dense parts.
void add_experts(const Settings& settings, ModelSpec& spec) {
  const bool in_config = settings.boolean({"", {"enable_moe_block"}}).value_or(false);
  std::optional<ExpertsSpec> experts;
  for (std::size_t i = 0; i < spec.layers.size(); ++i) {
    LayerSpec& layer = spec.layers[i];
    const bool has_experts =
        settings.is_gguf() ? has_layer_tensor(settings, "blk.{}.ffn_gate_inp.weight", i) : in_config;
    if (!has_experts) continue;
    if (!experts) experts = read_gemma4_experts(settings);
    experts->activation = layer.mlp().activation;
    layer.dense_beside = layer.mlp();
    layer.feed_forward = *experts;
  }
}

// Elements of layers' inputs; a config.json without the number means 256, and one with null none.
std::int64_t read_layer_input_width(const Settings& settings) {
  constexpr std::int64_t kUsual = 256;
  const auto stated = settings.positive(kLayerInputWidth);
  if (stated) return *stated;
  return settings.is_gguf() || settings.config().contains("hidden_size_per_layer_input") ? 0 : kUsual;
}

ModelSpec read_gemma4(const Settings& settings) {
  if (settings.text({"", {"use_bidirectional_attention"}}) == "all") {
    throw Unsupported(
        fmt::format("{}: a Gemma 4 in which all tokens see each other is not supported", settings.file_name()));
  }
  const std::vector<bool> slides = windowed_layers(settings);
  const std::vector<AttentionSpec> attention = read_attention(settings, slides);
  ModelSpec spec = read_sizes_around(settings, attention.front());
  for (std::size_t i = 0; i < attention.size(); ++i) spec.layers[i].mixer = attention[i];
  spec.norm.epsilon = static_cast<float>(settings.number(settings::kRmsEpsilon).value_or(1e-6));
  read_activation(settings, Activation::kGeluTanh, spec);
  spec.layer_input_activation = spec.layers.front().mlp().activation;
  spec.embedding_scale = static_cast<float>(std::sqrt(static_cast<double>(spec.width)));
  const auto cap = settings.number(settings::kLogitSoftcap);
  spec.logit_softcap = static_cast<float>(cap.value_or(settings.is_gguf() ? 30 : 0));
  read_ropes(settings, slides, spec);
  slide(slides, settings.positive(settings::kSlidingWindow).value_or(512), spec);
  spec.layer_input_width = read_layer_input_width(settings);
  spec.ff_scales = settings.is_gguf();
  const std::int64_t shared = settings.positive(kSharedKeyLayers).value_or(0);
  share_keys(settings, shared, slides, spec);
  const bool double_width = settings.boolean({"", {"use_double_wide_mlp"}}).value_or(false);
  for (LayerSpec& layer : spec.layers) {
    layer.norm_after = true;
    layer.output_scale = true;
    if (double_width && !layer.attention().has_keys()) layer.mlp().width *= 2;
  }
  add_experts(settings, spec);
  return spec;
}

constexpr OwnName kOwnNames[]{{NameScheme::kLlama, Weight::kFfNorm, "model.layers.{}.pre_feedforward_layernorm"},
                              {NameScheme::kLlama, Weight::kRouter, "model.layers.{}.router.proj"},
                              {NameScheme::kLlama, Weight::kExpertScale, "model.layers.{}.router.per_expert_scale"},
                              {NameScheme::kLlama, Weight::kExpertGate, "model.layers.{}.experts.{}.gate_proj"},
                              {NameScheme::kLlama, Weight::kExpertUp, "model.layers.{}.experts.{}.up_proj"},
                              {NameScheme::kLlama, Weight::kExpertGateUp, "model.layers.{}.experts.{}.gate_up_proj"},
                              {NameScheme::kLlama, Weight::kExpertDown, "model.layers.{}.experts.{}.down_proj"}};

}  // namespace

std::span<const Architecture> gemma4_family() {
  static constexpr Architecture kFamily[]{{"gemma4", "gemma4_text", NameScheme::kLlama, read_gemma4, kOwnNames}};
  return kFamily;
}

}  // namespace hearth
