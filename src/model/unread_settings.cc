#include "model/unread_settings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <cmath>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/escape.h"

namespace hearth {
namespace {

using boost::json::value;

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

double number_of(const value& v) {
  return v.is_number() ? v.to_number<double>() : std::nan("");
}

bool agree(double a, double b) {
  return std::fabs(a - b) <= 1e-6 * std::fabs(b);
}

bool is_one(const value& v) {
  return number_of(v) == 1;
}

bool multiplies(std::string_view key) {
  return has(key, "scal") || has(key, "multiplier") || key.ends_with("factor") || key.ends_with("_pct");
}

bool is_off(const value& v, bool one_is_off) {
  if (v.is_null()) return true;
  if (v.is_bool()) return !v.get_bool();
  if (v.is_number()) return number_of(v) == 0 || (one_is_off && is_one(v));
  if (v.is_string()) return v.get_string().empty();
  if (v.is_object()) return v.get_object().empty();
  return std::ranges::all_of(v.get_array(), [&](const value& item) { return is_off(item, one_is_off); });
}

// What a value is judged by.
struct Model {
  const Settings& settings;
  const ModelSpec& spec;

  template <typename Is>
  bool every_layer(Is is) const {
    return std::ranges::all_of(spec.layers,
                               [&](const LayerSpec& layer) { return !layer.has_attention() || is(layer.attention()); });
  }
  bool slides_nowhere() const {
    return every_layer([](const AttentionSpec& a) { return a.mask.window == 0; });
  }
  // A value of config.json, without asking for it; null: absent.
  value config(std::string_view key) const {
    const value* found = settings.config().if_contains(key);
    return found == nullptr ? value() : *found;
  }
  bool has_yarn() const {
    return std::ranges::any_of(spec.ropes, [](const RopeSpec& r) { return r.scaling.kind == RopeScalingKind::kYarn; });
  }
};

// Whether a key of this value is without effect in the model.
using Harmless = bool (*)(const Model& model, const value& v);
struct Known {
  std::string_view key;
  Harmless harmless;
};

bool always(const Model&, const value&) {
  return true;
}
bool if_true(const Model&, const value& v) {
  return v == value(true);
}
bool if_one(const Model&, const value& v) {
  return is_one(v);
}
// States what the model does anyway.
bool if_the_scale(const Model& model, const value& v) {
  return model.every_layer([&](const AttentionSpec& a) { return agree(number_of(v), a.scale); });
}
bool if_the_inverse_square_of_the_scale(const Model& model, const value& v) {
  return model.every_layer([&](const AttentionSpec& a) { return agree(1 / std::sqrt(number_of(v)), a.scale); });
}
bool if_query_key_norms(const Model& model, const value&) {
  return model.every_layer([](const AttentionSpec& a) { return a.query_key_norm != QueryKeyNorm::kNone; });
}
// A window in which every position of the context is, that is switched off, or that the layers have.
bool if_no_other_window(const Model& model, const value& v) {
  const double window = number_of(v);
  if (window >= static_cast<double>(model.spec.context_max)) return true;
  if (model.config("use_sliding_window") == value(false)) return true;
  return !model.slides_nowhere() && model.every_layer([&](const AttentionSpec& a) {
    return a.mask.window == 0 || static_cast<double>(a.mask.window) == window;
  });
}
// Which layers have a window that none has, or that a list of the layers' types says already.
bool if_layers_are_known(const Model& model, const value&) {
  return model.slides_nowhere() || model.config("layer_types").is_array();
}
// Kinds of layers that differ in their windows alone, where there is no window.
bool if_types_of_no_window(const Model& model, const value& types) {
  const value window = model.config("sliding_window");
  const bool no_window = is_off(window, false) || if_no_other_window(model, window);
  return types.is_array() && std::ranges::all_of(types.get_array(), [&](const value& type) {
           return type == value("full_attention") || (no_window && type == value("sliding_attention"));
         });
}

// A list of the layers that have no attention, in whose place they have a recurrence.
bool if_layers_without_attention(const Model& model, const value& v) {
  const auto& layers = model.spec.layers;
  return v.is_array() && std::ranges::equal(v.get_array(), layers, [](const value& item, const LayerSpec& layer) {
           return (number_of(item) == 1) != layer.has_attention();
         });
}

constexpr Known kKnownGguf[]{
    {"attention.layer_norm_epsilon", always},      // of a norm that the family does not have: it reads its own
    {"attention.layer_norm_rms_epsilon", always},  // the same
    {"attention.group_norm_epsilon", always},      // the same; what has groups says attention.group_norm_groups
    {"attention.causal", if_true},                 // as every model is that is read here
    {"attention.rope_pattern", if_one},            // every layer
    {"attention.recurrent_layers", if_layers_without_attention},
    {"attention.scale", if_the_scale},
    {"attention.sliding_window", if_no_other_window},
    {"attention.sliding_window_pattern", if_layers_are_known},
    {"rope.scaling.finetuned", always},  // how the model was trained
    // The share of YaRN's ramp: below 0 as usual.
    {"rope.scaling.yarn_ext_factor", [](const Model& m, const value& v) { return !m.has_yarn() || number_of(v) < 0; }},
    {"rope.scaling.yarn_attn_factor", [](const Model& m, const value& v) { return !m.has_yarn() || is_one(v); }},
};

constexpr Known kKnownConfig[]{
    // Arithmetic that is float32 here in any case.
    {"attention_softmax_in_fp32", always},
    {"scale_attention_softmax_in_fp32", always},
    {"reorder_and_upcast_attn", always},
    {"is_causal", if_true},
    {"causal", if_true},
    {"full_attn_mod", if_one},  // every layer
    {"offset_alibi", always},   // of how Bloom's biases were tabled in training
    {"attention_multiplier", if_the_scale},
    {"query_pre_attn_scalar", if_the_inverse_square_of_the_scale},
    {"qk_norm", if_query_key_norms},
    {"use_qk_norm", if_query_key_norms},
    {"qk_layernorm", if_query_key_norms},
    {"sliding_window", if_no_other_window},
    {"sliding_window_size", if_no_other_window},
    {"use_sliding_window", [](const Model& m, const value&) { return !m.slides_nowhere(); }},
    {"sliding_window_pattern", if_layers_are_known},
    {"_sliding_window_pattern", if_layers_are_known},
    {"layer_types", if_types_of_no_window},
    {"finetuned", always},                 // how the model was trained
    {"rescale_prenorm_residual", always},  // how its weights began
};

// Kinds of config.json's keys that are without effect whatever their value.
bool is_harmless_kind(std::string_view key) {
  return key.ends_with("_bias") ||                         // a bias is used wherever the file has one
         has(key, "dropout") || key.ends_with("pdrop") ||  // of training
         has(key, "flash") || has(key, "implementation");  // how another program computes it
}

bool is_harmless(std::span<const Known> known, const Model& model, std::string_view key, const value& v) {
  const auto found = std::ranges::find(known, key, &Known::key);
  if (found != known.end() && found->harmless(model, v)) return true;
  const bool zero_means_something = found != known.end() && found->harmless == if_true;
  return !zero_means_something && is_off(v, found == known.end() && multiplies(key));
}

// A value of GGUF's metadata as one of JSON; lists within lists, which no setting has, as a text.
value json_of(const Metadata& metadata, const Metadata::Entry& entry) {
  const std::string_view key = entry.key;
  if (entry.type == MetadataType::kBool) return *metadata.boolean(key);
  if (entry.type == MetadataType::kString) return value(*metadata.string(key));
  if (entry.type != MetadataType::kArray) return *metadata.number(key);
  boost::json::array items;
  try {
    const std::vector<float> numbers = *metadata.numbers(key);
    for (const float item : numbers) items.emplace_back(item);
    return items;
  } catch (const InvalidInput&) {
    return value(metadata.to_string(entry, 4));
  }
}

// For messages; both come from a file.
std::string described(std::string_view key, std::string_view value_text) {
  constexpr std::size_t kBytesMax = 60;
  return fmt::format("{} ({}{})", quote_name(key), printable_text(value_text.substr(0, kBytesMax)),
                     value_text.size() > kBytesMax ? "..." : "");
}

std::vector<std::string> unread_gguf(const Model& model) {
  std::vector<std::string> unread;
  const Metadata& metadata = model.settings.source().metadata();
  const std::string own = model.settings.architecture() + ".";
  for (const Metadata::Entry& entry : metadata.entries()) {
    if (!entry.key.starts_with(own)) continue;
    const std::string_view key = entry.key.substr(own.size());
    const bool of_rope = key.starts_with("rope.");
    if (!of_rope && !key.starts_with("attention.")) continue;
    if (model.settings.was_asked(entry.key) || (of_rope && model.spec.ropes.empty())) continue;
    const value v = json_of(metadata, entry);
    if (is_harmless(kKnownGguf, model, key, v)) continue;
    // What layers with a window have: there are none, or it is what all layers have.
    constexpr std::string_view kOfWindows = "_swa";
    if (key.ends_with(kOfWindows)) {
      const std::string_view all = entry.key.substr(0, entry.key.size() - kOfWindows.size());
      const auto same = std::ranges::find(metadata.entries(), all, &Metadata::Entry::key);
      if (model.slides_nowhere() || (same != metadata.entries().end() && json_of(metadata, *same) == v)) continue;
    }
    unread.push_back(described(entry.key, metadata.to_string(entry, 4)));
  }
  return unread;
}

bool may_change_results(std::string_view key) {
  static constexpr std::string_view kParts[]{"alibi",      "attention",      "attn",         "causal", "layer_types",
                                             "multiplier", "qk_norm",        "qk_layernorm", "rope",   "rotary",
                                             "scal",       "sliding_window", "softcap"};
  return std::ranges::any_of(kParts, [&](std::string_view part) { return has(key, part); });
}

void add_unread_of_config(const Model& model, const boost::json::object& object, const std::string& path,
                          std::vector<std::string>& unread) {
  const value parameters = model.config("rope_parameters");
  for (const auto& item : object) {
    const std::string_view name = item.key();
    const value& v = item.value();
    const std::string full = path + std::string(name);
    const bool is_rope = full == "rope_parameters" || full == "rope_scaling";
    const bool is_rope_of_type = !path.empty() && model.settings.was_asked(full + ".rope_type");
    if (v.is_object() && (is_rope || is_rope_of_type)) {
      add_unread_of_config(model, v.get_object(), full + ".", unread);
      continue;
    }
    if (path.empty() && !may_change_results(name)) continue;
    if (model.settings.was_asked(full) || is_harmless_kind(name)) continue;
    if (is_harmless(kKnownConfig, model, name, v)) continue;
    if (!path.empty() && name == "sliding_attention" && model.slides_nowhere()) continue;
    // Both spellings of the rope's settings, which say the same.
    if (path == "rope_scaling." && parameters.is_object() && parameters.get_object().contains(name) &&
        parameters.get_object().at(name) == v) {
      continue;
    }
    unread.push_back(described(full, boost::json::serialize(v)));
  }
}

}  // namespace

void refuse_unread(const Settings& settings, const ModelSpec& spec) {
  const Model model{settings, spec};
  std::vector<std::string> unread;
  if (settings.is_gguf()) {
    unread = unread_gguf(model);
  } else {
    add_unread_of_config(model, settings.config(), "", unread);
  }
  if (unread.empty()) return;
  constexpr std::size_t kNamedMax = 8;
  if (unread.size() > kNamedMax) {
    const std::size_t more = unread.size() - kNamedMax;
    unread.resize(kNamedMax);
    unread.push_back(fmt::format("and {} more", more));
  }
  throw Unsupported(fmt::format("{}: settings that change results and are not known for architecture '{}': {}",
                                settings.file_name(), settings.architecture(), fmt::join(unread, ", ")));
}

}  // namespace hearth
