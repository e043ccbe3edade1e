// Each kind once, in a form for elements; fields add their name.
#include "weights/json_fields.h"

#include <fmt/format.h>

#include <boost/json/string.hpp>
#include <cmath>

#include "base/error.h"

namespace hearth {
namespace {

namespace json = boost::json;

[[noreturn]] void refuse(std::string_view what, std::string_view kind, std::string_view file) {
  throw InvalidInput(fmt::format("{}: '{}' is not {}", file, what, kind));
}

[[noreturn]] void missing(std::string_view name) {
  throw InvalidInput(fmt::format("{}: '{}' is missing", kTokenizerJson, name));
}

}  // namespace

std::string_view as_string(const json::value& value, std::string_view what, std::string_view file) {
  if (!value.is_string()) refuse(what, "a string", file);
  return {value.get_string().data(), value.get_string().size()};
}

std::int64_t as_integer(const json::value& value, std::string_view what, std::string_view file) {
  if (value.is_int64()) return value.get_int64();
  constexpr double kExact = 9007199254740992;  // 2^53: from there on a double has no fractions to lose
  const double number = value.is_double() ? value.get_double() : 0.5;
  if (std::floor(number) != number || std::fabs(number) > kExact) refuse(what, "a whole number", file);
  return static_cast<std::int64_t>(number);
}

double as_number(const json::value& value, std::string_view what, std::string_view file) {
  if (!value.is_number()) refuse(what, "a number", file);
  return value.to_number<double>();
}

bool as_bool(const json::value& value, std::string_view what, std::string_view file) {
  if (!value.is_bool()) refuse(what, "true or false", file);
  return value.get_bool();
}

const json::object& as_object(const json::value& value, std::string_view what, std::string_view file) {
  if (!value.is_object()) refuse(what, "an object", file);
  return value.get_object();
}

const json::array& as_array(const json::value& value, std::string_view what, std::string_view file) {
  if (!value.is_array()) refuse(what, "a list", file);
  return value.get_array();
}

const json::value* find_field(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains({name.data(), name.size()});
  return value == nullptr || value->is_null() ? nullptr : value;
}

std::optional<std::string_view> string_field(const json::object& object, std::string_view name, std::string_view file) {
  const json::value* value = find_field(object, name);
  return value == nullptr ? std::nullopt : std::optional(as_string(*value, name, file));
}

std::optional<bool> bool_field(const json::object& object, std::string_view name, std::string_view file) {
  const json::value* value = find_field(object, name);
  return value == nullptr ? std::nullopt : std::optional(as_bool(*value, name, file));
}

std::optional<std::int64_t> integer_field(const json::object& object, std::string_view name, std::string_view file) {
  const json::value* value = find_field(object, name);
  return value == nullptr ? std::nullopt : std::optional(as_integer(*value, name, file));
}

const json::object* object_field(const json::object& object, std::string_view name, std::string_view file) {
  const json::value* value = find_field(object, name);
  return value == nullptr ? nullptr : &as_object(*value, name, file);
}

const json::array* array_field(const json::object& object, std::string_view name, std::string_view file) {
  const json::value* value = find_field(object, name);
  return value == nullptr ? nullptr : &as_array(*value, name, file);
}

std::string_view required_string(const json::object& object, std::string_view name) {
  const auto value = string_field(object, name);
  if (!value) missing(name);
  return *value;
}

std::int64_t required_integer(const json::object& object, std::string_view name) {
  const auto value = integer_field(object, name);
  if (!value) missing(name);
  return *value;
}

const json::object& required_object(const json::object& object, std::string_view name) {
  const json::object* value = object_field(object, name);
  if (value == nullptr) missing(name);
  return *value;
}

const json::array& required_array(const json::object& object, std::string_view name) {
  const json::array* value = array_field(object, name);
  if (value == nullptr) missing(name);
  return *value;
}

}  // namespace hearth
