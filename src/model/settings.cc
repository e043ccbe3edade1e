#include "model/settings.h"

#include <fmt/format.h>

#include <cmath>

#include "base/error.h"

namespace hearth {
namespace {

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

const boost::json::value* Settings::find_config(const Setting& setting) const {
  for (const std::string_view key : setting.config) {
    if (key.empty()) continue;
    if (const boost::json::value* value = config(key)) return value;
  }
  return nullptr;
}

std::string Settings::gguf_key(const Setting& setting) const {
  return fmt::format("{}.{}", architecture_, setting.gguf);
}

std::string Settings::name_of(const Setting& setting) const {
  return is_gguf() ? gguf_key(setting) : std::string(setting.config[0]);
}

std::optional<std::int64_t> Settings::integer(const Setting& setting) const {
  if (is_gguf()) return setting.gguf.empty() ? std::nullopt : source_.metadata().integer(gguf_key(setting));
  const boost::json::value* value = find_config(setting);
  if (value == nullptr) return std::nullopt;
  return json_integer(*value, file_name(), setting.config[0]);
}

std::optional<double> Settings::number(const Setting& setting) const {
  if (is_gguf()) return setting.gguf.empty() ? std::nullopt : source_.metadata().number(gguf_key(setting));
  const boost::json::value* value = find_config(setting);
  if (value == nullptr) return std::nullopt;
  return json_number(*value, file_name(), setting.config[0]);
}

std::optional<bool> Settings::boolean(const Setting& setting) const {
  if (is_gguf()) return setting.gguf.empty() ? std::nullopt : source_.metadata().boolean(gguf_key(setting));
  const boost::json::value* value = find_config(setting);
  if (value == nullptr) return std::nullopt;
  if (!value->is_bool()) wrong_kind(file_name(), setting.config[0], "true or false");
  return value->get_bool();
}

std::optional<std::string> Settings::text(const Setting& setting) const {
  if (is_gguf()) {
    const auto value = setting.gguf.empty() ? std::nullopt : source_.metadata().string(gguf_key(setting));
    return value ? std::optional<std::string>(*value) : std::nullopt;
  }
  const boost::json::value* value = find_config(setting);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) wrong_kind(file_name(), setting.config[0], "a string");
  return std::string(value->get_string());
}

std::optional<std::vector<std::int64_t>> Settings::list(const Setting& setting) const {
  if (!is_gguf() || !source_.metadata().is_array(gguf_key(setting))) return std::nullopt;
  return source_.metadata().integers(gguf_key(setting));
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
  const auto value = integer(setting);
  if (!value) throw InvalidInput(fmt::format("{}: setting '{}' is missing", file_name(), name_of(setting)));
  if (*value <= 0 || *value > max) {
    throw InvalidInput(
        fmt::format("{}: setting '{}' is {}, not in [1, {}]", file_name(), name_of(setting), *value, max));
  }
  return *value;
}

}  // namespace hearth
