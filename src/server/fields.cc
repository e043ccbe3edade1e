#include "server/fields.h"

#include <fmt/format.h>

#include <boost/json/error.hpp>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <utility>

#include "base/json_value.h"

namespace hearth {
namespace {

constexpr std::size_t kDepthMax = 64;

HttpError wrong_type(const std::string& path, std::string_view wanted) {
  return bad_request(fmt::format("'{}' must be {}", path, wanted), path);
}

// One bound is not told where it is none that a user would think of.
std::string range_text(double lowest, double highest) {
  constexpr double kLarge = 1e15;
  if (highest < kLarge) return fmt::format("between {} and {}", lowest, highest);
  return lowest > -kLarge ? fmt::format("at least {}", lowest) : "a number that fits its type";
}

HttpError out_of_range(const std::string& path, double value, double lowest, double highest) {
  return bad_request(fmt::format("'{}' must be {}; it is {}", path, range_text(lowest, highest), value), path);
}

std::optional<unsigned> escaped_unit(std::string_view text, std::size_t at) {
  if (text.substr(at, 2) != "\\u" || text.size() < at + 6) return std::nullopt;
  unsigned unit = 0;
  for (const char c : text.substr(at + 2, 4)) {
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0) return std::nullopt;
    unit = unit * 16 + static_cast<unsigned>(digit);
  }
  return unit;
}

// With U+FFFD for every escape that is half of a character: what a client sends that cut a text in the midst of a pair.
std::string without_lone_surrogates(std::string_view text) {
  const auto is_high = [](std::optional<unsigned> unit) { return unit && *unit >= 0xD800 && *unit < 0xDC00; };
  const auto is_low = [](std::optional<unsigned> unit) { return unit && *unit >= 0xDC00 && *unit < 0xE000; };
  std::string repaired;
  repaired.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    std::size_t count = text[at] == '\\' ? std::min<std::size_t>(2, text.size() - at) : 1;
    const auto unit = escaped_unit(text, at);
    if (is_high(unit) && is_low(escaped_unit(text, at + 6))) {
      count = 12;
    } else if (is_high(unit) || is_low(unit)) {
      repaired += "\\ufffd";
      at += 6;
      continue;
    }
    repaired += text.substr(at, count);
    at += count;
  }
  return repaired;
}

// The number of any size, as a double; nullopt for what is none.
std::optional<double> number_of(const boost::json::value& value) {
  if (value.is_number()) return value.to_number<double>();
  const auto digits = big_integer_digits(value);
  if (!digits) return std::nullopt;
  return std::strtod(std::string(*digits).c_str(), nullptr);
}

}  // namespace

HttpError bad_request(std::string message, std::string param, std::string code) {
  return HttpError({.status = 400,
                    .message = std::move(message),
                    .type = "invalid_request_error",
                    .code = std::move(code),
                    .param = std::move(param),
                    .headers = {}});
}

boost::json::object parse_body(const HttpRequest& request) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  std::string_view text = request.body;
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  ParsedJson parsed = parse_json(text, kDepthMax, BigIntegers::kKeepDigits);
  if (parsed.error && parsed.error != boost::json::error::too_deep) {
    // Only then: repairing walks the whole text.
    const std::string repaired = without_lone_surrogates(text);
    if (repaired != text) parsed = parse_json(repaired, kDepthMax, BigIntegers::kKeepDigits);
  }
  if (parsed.error == boost::json::error::too_deep) {
    throw bad_request(fmt::format("the body is nested more than {} levels deep", kDepthMax));
  }
  if (parsed.error) {
    throw bad_request(fmt::format("the body is not JSON: {} at byte {}", parsed.error.message(), parsed.at));
  }
  if (!parsed.value.is_object()) throw bad_request("the body is not a JSON object");
  return std::move(parsed.value.get_object());
}

const boost::json::value* Fields::find(std::string_view name) const {
  const boost::json::value* value = object_->if_contains(name);
  return value == nullptr || value->is_null() ? nullptr : value;
}

std::optional<std::string_view> Fields::string(std::string_view name) const {
  const boost::json::value* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) throw wrong_type(path_of(name), "a string");
  return std::string_view(value->get_string());
}

std::optional<bool> Fields::boolean(std::string_view name) const {
  const boost::json::value* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_bool()) throw wrong_type(path_of(name), "true or false");
  return value->get_bool();
}

std::optional<double> Fields::number(std::string_view name, double lowest, double highest) const {
  const boost::json::value* value = find(name);
  if (value == nullptr) return std::nullopt;
  const std::optional<double> number = number_of(*value);
  if (!number) throw wrong_type(path_of(name), "a number");
  if (!(*number >= lowest && *number <= highest)) throw out_of_range(path_of(name), *number, lowest, highest);
  return number;
}

std::optional<std::int64_t> Fields::integer(std::string_view name, std::int64_t lowest, std::int64_t highest) const {
  const boost::json::value* value = find(name);
  if (value == nullptr) return std::nullopt;
  const std::optional<double> found = number_of(*value);
  if (!found) throw wrong_type(path_of(name), "an integer");
  if (const std::int64_t* integer = value->if_int64()) {
    if (*integer >= lowest && *integer <= highest) return *integer;
    throw out_of_range(path_of(name), static_cast<double>(*integer), static_cast<double>(lowest),
                       static_cast<double>(highest));
  }
  constexpr double kExact = 9007199254740992;  // 2^53: from there on a double has no fractions to lose
  const double number = *found;
  if (number != std::floor(number)) throw wrong_type(path_of(name), "an integer");
  if (!(number >= static_cast<double>(lowest) && number <= static_cast<double>(highest) &&
        std::abs(number) <= kExact)) {
    throw out_of_range(path_of(name), number, static_cast<double>(lowest), static_cast<double>(highest));
  }
  return static_cast<std::int64_t>(number);
}

const boost::json::array* Fields::array(std::string_view name) const {
  const boost::json::value* value = find(name);
  if (value == nullptr) return nullptr;
  if (!value->is_array()) throw wrong_type(path_of(name), "an array");
  return &value->get_array();
}

std::optional<Fields> Fields::object(std::string_view name) const {
  const boost::json::value* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_object()) throw wrong_type(path_of(name), "an object");
  return Fields(value->get_object(), path_of(name));
}

std::string_view Fields::required_string(std::string_view name) const {
  const auto value = string(name);
  if (!value) throw bad_request(fmt::format("'{}' is missing", path_of(name)), path_of(name));
  return *value;
}

const boost::json::array& Fields::required_array(std::string_view name) const {
  const boost::json::array* value = array(name);
  if (value == nullptr) throw bad_request(fmt::format("'{}' is missing", path_of(name)), path_of(name));
  return *value;
}

std::string Fields::path_of(std::string_view name) const {
  return path_.empty() ? std::string(name) : fmt::format("{}.{}", path_, name);
}

Fields object_at(const boost::json::array& array, std::size_t index, const std::string& path) {
  const std::string element = fmt::format("{}[{}]", path, index);
  if (!array[index].is_object()) throw wrong_type(element, "an object");
  return Fields(array[index].get_object(), element);
}

}  // namespace hearth
