#include "model/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <iterator>
#include <span>
#include <type_traits>
#include <utility>

#include "base/error.h"

namespace hearth {
namespace {

constexpr std::int64_t kLayersMax = 10'000;

// Which layer a tensor belongs to by its name, in GGUF's spelling or those of Hugging Face checkpoints; nullopt for one
// outside of the layers, or of other parts (towers for images or sound).
std::optional<std::int64_t> layer_of_tensor(std::string_view name, bool is_gguf) {
  static constexpr std::array<std::string_view, 1> kGguf = {"blk."};
  static constexpr std::array<std::string_view, 7> kConfig = {"model.layers.",
                                                              "language_model.model.layers.",
                                                              "model.language_model.layers.",
                                                              "transformer.h.",
                                                              "gpt_neox.layers.",
                                                              "layers.",
                                                              "h."};
  const std::span<const std::string_view> prefixes = is_gguf ? std::span<const std::string_view>(kGguf) : kConfig;
  for (const std::string_view prefix : prefixes) {
    if (!name.starts_with(prefix)) continue;
    const char* begin = name.data() + prefix.size();
    const char* end = name.data() + name.size();
    std::int64_t layer = 0;
    const auto [stop, error] = std::from_chars(begin, end, layer);
    if (error == std::errc() && stop != end && *stop == '.' && layer >= 0) return layer;
  }
  return std::nullopt;
}

[[noreturn]] void wrong_kind(std::string_view file, std::string_view key, std::string_view wanted) {
  throw InvalidInput(fmt::format("{}: setting '{}' is not {}", file, key, wanted));
}

}  // namespace

std::int64_t json_integer(const boost::json::value& value, std::string_view file, std::string_view key) {
  if (value.is_int64()) return value.get_int64();
  // 9007199254740992 is the last double from which every smaller integer is exact.
  if (value.is_double() && std::floor(value.get_double()) == value.get_double() &&
      std::fabs(value.get_double()) <= 9007199254740992.0) {
    return static_cast<std::int64_t>(value.get_double());
  }
  wrong_kind(file, key, "a whole number");
}

double json_number(const boost::json::value& value, std::string_view file, std::string_view key) {
  if (value.is_int64()) return static_cast<double>(value.get_int64());
  if (value.is_uint64()) return static_cast<double>(value.get_uint64());
  if (value.is_double()) return value.get_double();
  wrong_kind(file, key, "a number");
}

Settings::Settings(const ModelSource& source) : source_(source) {
  if (is_gguf()) {
    const auto name = source.metadata().string("general.architecture");
    if (!name || name->empty()) {
      throw InvalidInput(fmt::format("{}: metadata key 'general.architecture' is missing", file_name()));
    }
    architecture_ = *name;
    return;
  }
  const boost::json::value* name = config("model_type");
  if (name == nullptr || !name->is_string()) {
    throw InvalidInput(fmt::format("{}: config.json has no 'model_type'", file_name()));
  }
  architecture_ = name->get_string().c_str();
}

const boost::json::value* Settings::config(std::string_view key) const {
  const boost::json::value* value = source_.config().if_contains(key);
  return value == nullptr || value->is_null() ? nullptr : value;
}

Settings::Found Settings::find_config(const Setting& setting) const {
  for (const std::string_view key : setting.config) {
    if (key.empty()) continue;
    if (const boost::json::value* value = config(key)) return {key, value};
  }
  return {};
}

std::string Settings::gguf_key(const Setting& setting) const {
  return fmt::format("{}.{}", architecture_, setting.gguf);
}

std::string Settings::name_of(const Setting& setting) const {
  if (is_gguf()) return gguf_key(setting);
  const Found found = find_config(setting);
  return std::string(found.value == nullptr ? setting.config[0] : found.key);
}

template <typename T>
std::optional<Settings::Listed<T>> Settings::listed(const Setting& setting) const {
  constexpr bool kIntegers = std::is_same_v<T, std::int64_t>;
  if (is_gguf()) {
    if (setting.gguf.empty()) return std::nullopt;
    const std::string key = gguf_key(setting);
    const Metadata& metadata = source_.metadata();
    if (!metadata.is_array(key)) {
      std::optional<T> value;
      if constexpr (kIntegers)
        value = metadata.integer(key);
      else
        value = metadata.number(key);
      return value ? std::optional(Listed<T>{{*value}, false}) : std::nullopt;
    }
    if constexpr (kIntegers) return Listed<T>{*metadata.integers(key), true};
    const std::vector<float> values = *metadata.numbers(key);
    return Listed<T>{{values.begin(), values.end()}, true};
  }
  const auto [key, value] = find_config(setting);
  if (value == nullptr) return std::nullopt;
  Listed<T> result{{}, value->is_array()};
  const auto add = [&, key = key](const boost::json::value& item) {
    if constexpr (kIntegers)
      result.values.push_back(json_integer(item, file_name(), key));
    else
      result.values.push_back(json_number(item, file_name(), key));
  };
  if (!result.is_list) {
    add(*value);
  } else {
    for (const boost::json::value& item : value->get_array()) add(item);
  }
  return result;
}

template <typename T>
void Settings::check_length(const Setting& setting, const Listed<T>& list) const {
  const std::int64_t layers = required(settings::kLayers, kLayersMax);
  if (std::ssize(list.values) == layers) return;
  throw InvalidInput(fmt::format("{}: setting '{}' lists {} values for {} layers", file_name(), name_of(setting),
                                 list.values.size(), layers));
}

template <typename T>
std::optional<T> Settings::of_all_layers(const Setting& setting) const {
  const auto list = listed<T>(setting);
  if (!list) return std::nullopt;
  if (!list->is_list) return list->values[0];
  check_length(setting, *list);
  for (std::size_t i = 1; i < list->values.size(); ++i) {
    if (list->values[i] == list->values[0]) continue;
    throw Unsupported(
        fmt::format("{}: setting '{}' is {} in layer 0 and {} in layer {}; only the same in all layers is "
                    "supported",
                    file_name(), name_of(setting), list->values[0], list->values[i], i));
  }
  return list->values[0];
}

std::optional<std::vector<std::int64_t>> Settings::per_layer(const Setting& setting) const {
  auto list = listed<std::int64_t>(setting);
  if (!list) return std::nullopt;
  if (list->is_list) {
    check_length(setting, *list);
    return std::move(list->values);
  }
  const auto layers = static_cast<std::size_t>(required(settings::kLayers, kLayersMax));
  return std::vector<std::int64_t>(layers, list->values[0]);
}

std::optional<std::int64_t> Settings::integer(const Setting& setting) const {
  return of_all_layers<std::int64_t>(setting);
}

std::optional<double> Settings::number(const Setting& setting) const {
  return of_all_layers<double>(setting);
}

std::optional<bool> Settings::boolean(const Setting& setting) const {
  if (is_gguf()) return setting.gguf.empty() ? std::nullopt : source_.metadata().boolean(gguf_key(setting));
  const auto [key, value] = find_config(setting);
  if (value == nullptr) return std::nullopt;
  if (!value->is_bool()) wrong_kind(file_name(), key, "true or false");
  return value->get_bool();
}

std::optional<std::string> Settings::text(const Setting& setting) const {
  if (is_gguf()) {
    const auto value = setting.gguf.empty() ? std::nullopt : source_.metadata().string(gguf_key(setting));
    return value ? std::optional<std::string>(*value) : std::nullopt;
  }
  const auto [key, value] = find_config(setting);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) wrong_kind(file_name(), key, "a string");
  return std::string(value->get_string());
}

std::optional<std::vector<std::int64_t>> Settings::list(const Setting& setting) const {
  if (!is_gguf() || !source_.metadata().is_array(gguf_key(setting))) return std::nullopt;
  return source_.metadata().integers(gguf_key(setting));
}

const boost::json::object* Settings::config_object(std::string_view key) const {
  const boost::json::value* value = config(key);
  if (value != nullptr && !value->is_object()) wrong_kind(file_name(), key, "an object");
  return value == nullptr ? nullptr : &value->get_object();
}

const boost::json::array* Settings::config_list(std::string_view key) const {
  const boost::json::value* value = config(key);
  if (value != nullptr && !value->is_array()) wrong_kind(file_name(), key, "a list");
  return value == nullptr ? nullptr : &value->get_array();
}

std::optional<std::int64_t> Settings::positive(const Setting& setting) const {
  const auto value = integer(setting);
  return value && *value > 0 ? value : std::nullopt;
}

std::optional<double> Settings::positive_number(const Setting& setting) const {
  const auto value = number(setting);
  return value && *value > 0 ? value : std::nullopt;
}

std::int64_t Settings::required(const Setting& setting, std::int64_t max) const {
  // The number of layers is what the length of lists is measured by.
  const bool is_layer_count = setting.gguf == settings::kLayers.gguf;
  const auto found = is_layer_count ? listed<std::int64_t>(setting) : std::nullopt;
  if (found && found->is_list) wrong_kind(file_name(), name_of(setting), "a whole number");
  const auto value = !is_layer_count ? integer(setting) : found ? std::optional(found->values[0]) : std::nullopt;
  if (!value) throw InvalidInput(fmt::format("{}: setting '{}' is missing", file_name(), name_of(setting)));
  if (*value <= 0 || *value > max) {
    throw InvalidInput(
        fmt::format("{}: setting '{}' is {}, not in [1, {}]", file_name(), name_of(setting), *value, max));
  }
  return *value;
}

std::int64_t Settings::layer_count() const {
  const std::int64_t count = required(settings::kLayers, kLayersMax);
  const std::int64_t predicting = std::max<std::int64_t>(0, integer(settings::kPredictingLayers).value_or(0));
  for (const WeightEntry& entry : source_.tensors()) {
    const std::optional<std::int64_t> layer = layer_of_tensor(entry.name, is_gguf());
    if (!layer || *layer < count + predicting) continue;
    throw InvalidInput(
        fmt::format("{}: setting '{}' is {}, and the file has a tensor of layer {}, counted from 0: '{}'", file_name(),
                    name_of(settings::kLayers), count, *layer, entry.name));
  }
  return count;
}

}  // namespace hearth
