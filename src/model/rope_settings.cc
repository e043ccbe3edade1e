#include "model/rope_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "kernels/attention/paged_kv.h"
#include "weights/json_fields.h"

namespace hearth {
namespace {

// An object of rope settings, and how messages name it; null: there is none.
struct RopeObject {
  const boost::json::object* object = nullptr;
  std::string path;
};

// The values of one.
class RopeParameters {
 public:
  RopeParameters(const Settings& settings, RopeObject rope)
      : settings_(settings), object_(rope.object), path_(std::move(rope.path)) {}

  std::optional<double> number(std::string_view key) const { return converted(key, as_number); }
  std::optional<std::int64_t> integer(std::string_view key) const { return converted(key, as_integer); }
  std::optional<bool> boolean(std::string_view key) const { return converted(key, as_bool); }
  std::string text(std::string_view key) const { return std::string(converted(key, as_string).value_or("")); }
  std::vector<double> numbers(std::string_view key) const {
    std::vector<double> result;
    const boost::json::value* value = find(key);
    if (value == nullptr) return result;
    for (const boost::json::value& item : as_array(*value, key, settings_.file_name())) {
      result.push_back(as_number(item, key, settings_.file_name()));
    }
    return result;
  }

 private:
  const boost::json::value* find(std::string_view key) const {
    settings_.note_asked(fmt::format("{}.{}", path_, key));
    return object_ == nullptr ? nullptr : find_field(*object_, key);
  }
  template <typename T>
  std::optional<T> converted(std::string_view key,
                             T (*as)(const boost::json::value&, std::string_view, std::string_view)) const {
    const boost::json::value* value = find(key);
    return value == nullptr ? std::nullopt : std::optional(as(*value, key, settings_.file_name()));
  }

  const Settings& settings_;
  const boost::json::object* object_;
  std::string path_;
};

struct ScalingName {
  std::string_view name;
  RopeScalingKind kind;
};
constexpr std::array kScalingNames{
    ScalingName{"default", RopeScalingKind::kNone},        ScalingName{"none", RopeScalingKind::kNone},
    ScalingName{"linear", RopeScalingKind::kLinear},       ScalingName{"dynamic", RopeScalingKind::kDynamicNtk},
    ScalingName{"yarn", RopeScalingKind::kYarn},           ScalingName{"llama3", RopeScalingKind::kLlama3},
    ScalingName{"longrope", RopeScalingKind::kLongRope},   ScalingName{"su", RopeScalingKind::kLongRope},
    ScalingName{"mrope", RopeScalingKind::kNone},  // positions in sections, which in text are one
    ScalingName{"proportional", RopeScalingKind::kLinear},
};

RopeScalingKind scaling_kind(const Settings& settings, const std::string& name) {
  for (const ScalingName& candidate : kScalingNames) {
    if (candidate.name == name) return candidate.kind;
  }
  throw Unsupported(
      fmt::format("{}: rope scaling '{}' is not supported; known are default, linear, dynamic, yarn, "
                  "llama3, longrope, proportional",
                  settings.file_name(), name));
}

// `rope_parameters`, or the older `rope_scaling`: the rope's settings, or an object of them for each type of layer.
RopeObject rope_object(const Settings& settings) {
  const boost::json::object* parameters = settings.config_object("rope_parameters");
  const boost::json::object* scaling = settings.config_object("rope_scaling");
  if (parameters != nullptr) return {parameters, "rope_parameters"};
  return {scaling, "rope_scaling"};
}

// The object for layers of one type, where each type has its own.
RopeObject object_of_type(const Settings& settings, std::string_view layer_type) {
  const RopeObject all = rope_object(settings);
  const boost::json::value* own = all.object == nullptr ? nullptr : all.object->if_contains(layer_type);
  if (own == nullptr || !own->is_object()) return {};
  return {&own->get_object(), fmt::format("{}.{}", all.path, layer_type)};
}

RopeScaling scaling_from_config(const Settings& settings, const RopeParameters& p, std::int64_t context_max) {
  RopeScaling s;
  const std::string former_name = p.text("type");
  std::string name = p.text("rope_type");
  if (name.empty()) name = former_name;
  s.kind = name.empty() ? RopeScalingKind::kNone : scaling_kind(settings, name);
  const auto model_original = settings.integer({"", {"original_max_position_embeddings"}});
  s.original_context = p.integer("original_max_position_embeddings").value_or(model_original.value_or(context_max));
  // Dynamic NTK stretches from the model's own context.
  if (s.kind == RopeScalingKind::kDynamicNtk) s.original_context = context_max;
  const double stretch =
      s.original_context > 0 ? static_cast<double>(context_max) / static_cast<double>(s.original_context) : 1;
  s.factor = p.number("factor").value_or(stretch);
  s.attention_factor = p.number("attention_factor");
  s.beta_fast = p.number("beta_fast").value_or(s.beta_fast);
  s.beta_slow = p.number("beta_slow").value_or(s.beta_slow);
  s.truncate = p.boolean("truncate").value_or(s.truncate);
  s.mscale = p.number("mscale").value_or(0);
  s.mscale_all_dim = p.number("mscale_all_dim").value_or(0);
  s.low_frequency_factor = p.number("low_freq_factor").value_or(s.low_frequency_factor);
  s.high_frequency_factor = p.number("high_freq_factor").value_or(s.high_frequency_factor);
  s.short_factors = p.numbers("short_factor");
  s.long_factors = p.numbers("long_factor");
  s.short_scale = p.number("short_mscale");
  s.long_scale = p.number("long_mscale");
  p.numbers("mrope_section");
  p.boolean("mrope_interleaved");
  return s;
}

// The float32 values of a small tensor of divisors; empty if the file has none.
std::vector<double> divisors(const Settings& settings, std::string_view name) {
  const WeightEntry* entry = settings.source().find(name);
  if (entry == nullptr) return {};
  const std::int64_t count = entry->shape.element_count();
  if (traits(entry->format).is_quantized() || count > kHeadDimMax) {
    throw InvalidInput(fmt::format("{}: tensor '{}' is not a short list of floats", settings.file_name(), name));
  }
  std::vector<float> values(static_cast<std::size_t>(count));
  traits(entry->format).decode_f32(entry->bytes.data(), values.data(), count);
  return {values.begin(), values.end()};
}

RopeScaling scaling_from_gguf(const Settings& settings, std::int64_t context_max) {
  RopeScaling s;
  const std::string name = settings.text({"rope.scaling.type"}).value_or("none");
  s.kind = name.empty() ? RopeScalingKind::kNone : scaling_kind(settings, name);
  const double former_factor = settings.positive_number({"rope.scale_linear"}).value_or(1);
  s.factor = settings.positive_number({"rope.scaling.factor"}).value_or(former_factor);
  // A factor without a type means linear.
  if (name == "none" && !settings.text({"rope.scaling.type"}) && s.factor > 1) s.kind = RopeScalingKind::kLinear;
  s.original_context = settings.positive({"rope.scaling.original_context_length"}).value_or(context_max);
  s.beta_fast = settings.positive_number({"rope.scaling.yarn_beta_fast"}).value_or(s.beta_fast);
  s.beta_slow = settings.positive_number({"rope.scaling.yarn_beta_slow"}).value_or(s.beta_slow);
  const double attention_factor = settings.positive_number({"rope.scaling.attn_factor"}).value_or(1);
  const double log_multiplier = settings.positive_number({"rope.scaling.yarn_log_multiplier"}).value_or(0);
  if (s.kind == RopeScalingKind::kYarn) {
    // The file's factor multiplies YaRN's own, which the logarithm's multiplier divides.
    s.attention_factor = attention_factor * yarn_scale(s.factor, 1) / yarn_scale(s.factor, log_multiplier);
  } else if (s.kind == RopeScalingKind::kLongRope) {
    s.attention_factor = attention_factor;
  }
  s.long_factors = divisors(settings, "rope_factors_long.weight");
  s.short_factors = divisors(settings, "rope_factors_short.weight");
  if (!s.long_factors.empty() && !s.short_factors.empty()) {
    s.kind = RopeScalingKind::kLongRope;
    s.attention_factor = attention_factor;
  }
  return s;
}

}  // namespace

void check_rope(const Settings& settings, const RopeSpec& rope, std::int64_t head_dim) {
  const auto refuse = [&](const std::string& what) {
    throw InvalidInput(fmt::format("{}: rope: {}", settings.file_name(), what));
  };
  if (rope.rotary_dim <= 0 || rope.rotary_dim > head_dim || rope.rotary_dim % 2 != 0) {
    refuse(fmt::format("{} rotated elements of a head of {}", rope.rotary_dim, head_dim));
  }
  if (!(rope.base > 1)) refuse(fmt::format("a base of {}", rope.base));
  const RopeScaling& s = rope.scaling;
  if (s.kind == RopeScalingKind::kNone && rope.frequency_divisors.empty()) return;
  if (!(s.factor > 0) || !std::isfinite(s.factor)) refuse(fmt::format("a scaling factor of {}", s.factor));
  if (s.original_context <= 1) refuse(fmt::format("an original context of {}", s.original_context));
  if (s.kind == RopeScalingKind::kDynamicNtk && rope.rotary_dim <= 2) refuse("too few elements for dynamic scaling");
  if (s.kind == RopeScalingKind::kLlama3 && !(s.high_frequency_factor > s.low_frequency_factor)) {
    refuse("high_freq_factor is not above low_freq_factor");
  }
  const auto pairs = static_cast<std::size_t>(rope.rotary_dim / 2);
  const auto check_count = [&](std::string_view name, const std::vector<double>& values) {
    if (values.size() == pairs) return;
    refuse(fmt::format("{} has {} entries, not {}", name, values.size(), pairs));
  };
  if (!rope.frequency_divisors.empty()) check_count("rope_freqs.weight", rope.frequency_divisors);
  if (s.kind == RopeScalingKind::kLongRope) {
    check_count("the list of long factors", s.long_factors);
    check_count("the list of short factors", s.short_factors);
  }
}

bool has_rope_of(const Settings& settings, std::string_view layer_type) {
  return object_of_type(settings, layer_type).object != nullptr;
}

std::optional<double> number_beside_rope(const Settings& settings, std::string_view key) {
  return RopeParameters(settings, rope_object(settings)).number(key);
}

RopeSpec read_rope_spec(const Settings& settings, RopePairs pairs, std::int64_t head_dim, std::int64_t context_max,
                        std::string_view layer_type) {
  RopeSpec rope;
  rope.pairs = pairs;
  if (settings.is_gguf()) {
    rope.rotary_dim = settings.positive(settings::kRotaryDim).value_or(head_dim);
    rope.base = settings.positive_number(settings::kRopeBase).value_or(10000);
    rope.scaling = scaling_from_gguf(settings, context_max);
    rope.frequency_divisors = divisors(settings, "rope_freqs.weight");
  } else {
    const RopeObject own = object_of_type(settings, layer_type.empty() ? "full_attention" : layer_type);
    const RopeParameters parameters(settings, own.object != nullptr ? own : rope_object(settings));
    // The model's own values are asked for even where the object's go before them.
    const double model_partial = settings.number(settings::kPartialRotary).value_or(1);
    const double model_base = settings.number(settings::kRopeBase).value_or(10000);
    const double partial = parameters.number("partial_rotary_factor").value_or(model_partial);
    rope.rotary_dim = static_cast<std::int64_t>(static_cast<double>(head_dim) * partial);
    rope.base = parameters.number("rope_theta").value_or(model_base);
    rope.scaling = scaling_from_config(settings, parameters, context_max);
    // Then the part that is rotated are the first of the pairs that the whole head would have.
    if (parameters.text("rope_type") == "proportional") {
      rope.frequency_divisors.assign(static_cast<std::size_t>(std::max<std::int64_t>(0, head_dim / 2)), INFINITY);
      const auto rotated = std::clamp<std::int64_t>(rope.rotary_dim / 2, 0, head_dim / 2);
      std::fill_n(rope.frequency_divisors.begin(), rotated, 1.0);
      rope.rotary_dim = head_dim;
    }
    // HunYuan's models were stretched when they were trained, by so much.
    const double alpha = parameters.number("alpha").value_or(0);
    if (rope.scaling.kind == RopeScalingKind::kDynamicNtk && alpha > 0 && rope.rotary_dim > 2) {
      const auto dim = static_cast<double>(rope.rotary_dim);
      rope.base *= std::pow(alpha, dim / (dim - 2));
      rope.scaling = {};
    }
  }
  check_rope(settings, rope, head_dim);
  return rope;
}

}  // namespace hearth
