#include "model/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <span>
#include <type_traits>
#include <utility>

#include "base/error.h"
#include "weights/json_fields.h"

namespace hearth {
namespace {

constexpr std::int64_t kLayersMax = 10'000;

// Which layer a tensor belongs to by its name, in GGUF's spelling or those of Hugging Face checkpoints; nullopt for one
// outside of the layers, or of other parts (towers for images or sound).
std::optional<std::int64_t> layer_of_tensor(std::string_view name, bool is_gguf) {
  static constexpr std::array<std::string_view, 1> kGguf = {"blk."};
  static constexpr std::array<std::string_view, 11> kConfig = {"model.layers.",
                                                               "language_model.model.layers.",
                                                               "model.language_model.layers.",
                                                               "transformer.h.",
                                                               "gpt_neox.layers.",
                                                               "encoder.layer.",
                                                               "bert.encoder.layer.",
                                                               "roberta.encoder.layer.",
                                                               "encoder.layers.",
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

}  // namespace

Settings::Settings(const ModelSource& source) : source_(source), config_(&source.config()) {
  for (const std::string_view part : {"text_config", "llm_config", "language_config"}) {
    const boost::json::value* text = source.config().if_contains(part);
    if (text != nullptr && text->is_object()) config_ = &text->get_object();
  }
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
    // Early models that see name no type for their text model, which is a Llama.
    if (config_ != &source.config()) {
      architecture_ = "llama";
      return;
    }
    throw InvalidInput(fmt::format("{}: config.json has no 'model_type'", file_name()));
  }
  architecture_ = name->get_string().c_str();
}

std::optional<std::string> Settings::larger_model_note() const {
  if (config_ == &source_.config()) return std::nullopt;
  const boost::json::value* type = find_field(source_.config(), "model_type");
  const std::string whole = type != nullptr && type->is_string() ? std::string(type->get_string()) : "?";
  return fmt::format("the model '{}' is more than text: its text part, '{}', is what is opened", whole, architecture_);
}

const boost::json::value* Settings::config(std::string_view key) const {
  note_asked(std::string(key));
  const boost::json::value* value = find_field(*config_, key);
  // What larger models say of their ends stands outside of their parts.
  if (value == nullptr && key == "tie_word_embeddings") value = find_field(source_.config(), key);
  return value;
}

Settings::Found Settings::find_config(const Setting& setting) const {
  Found found;
  for (const std::string_view key : setting.config) {
    const boost::json::value* value = key.empty() ? nullptr : config(key);
    if (found.value == nullptr && value != nullptr) found = {key, value};
  }
  return found;
}

std::string Settings::gguf_key(const Setting& setting) const {
  std::string key = fmt::format("{}.{}", architecture_, setting.gguf);
  note_asked(key);
  return key;
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
  const auto add = [&, name = key](const boost::json::value& item) {
    if constexpr (kIntegers)
      result.values.push_back(as_integer(item, name, file_name()));
    else
      result.values.push_back(as_number(item, name, file_name()));
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
  return value == nullptr ? std::nullopt : std::optional(as_bool(*value, key, file_name()));
}

std::optional<std::string> Settings::text(const Setting& setting) const {
  if (is_gguf()) {
    const auto value = setting.gguf.empty() ? std::nullopt : source_.metadata().string(gguf_key(setting));
    return value ? std::optional<std::string>(*value) : std::nullopt;
  }
  const auto [key, value] = find_config(setting);
  return value == nullptr ? std::nullopt : std::optional<std::string>(as_string(*value, key, file_name()));
}

std::optional<std::vector<std::int64_t>> Settings::list(const Setting& setting) const {
  auto list = listed<std::int64_t>(setting);
  return list && list->is_list ? std::optional(std::move(list->values)) : std::nullopt;
}

const boost::json::object* Settings::config_object(std::string_view key) const {
  const boost::json::value* value = config(key);
  return value == nullptr ? nullptr : &as_object(*value, key, file_name());
}

const boost::json::array* Settings::config_list(std::string_view key) const {
  const boost::json::value* value = config(key);
  return value == nullptr ? nullptr : &as_array(*value, key, file_name());
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
  if (found && found->is_list) {
    throw InvalidInput(fmt::format("{}: setting '{}' is not a whole number", file_name(), name_of(setting)));
  }
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
  bool has_further = false;
  for (const WeightEntry& entry : source_.tensors()) {
    const std::optional<std::int64_t> layer = layer_of_tensor(entry.name, is_gguf());
    has_further = has_further || (layer && *layer >= count);
    if (!layer || *layer < count + predicting) continue;
    throw InvalidInput(
        fmt::format("{}: setting '{}' is {}, and the file has a tensor of layer {}, counted from 0: '{}'", file_name(),
                    name_of(settings::kLayers), count, *layer, entry.name));
  }
  // GGUF's converters count them in; where they stand behind the count, whoever wrote the file did not.
  if (!is_gguf() || has_further) return count;
  if (predicting >= count) {
    throw InvalidInput(fmt::format("{}: {} of {} layers predict further tokens", file_name(), predicting, count));
  }
  return count - predicting;
}

}  // namespace hearth
