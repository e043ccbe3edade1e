// Each kind once, in a form for elements; fields add their name.
#include "text/tokenizers/json_fields.h"

#include <fmt/format.h>

#include <boost/json/string.hpp>

#include "base/error.h"

namespace hearth {
namespace {

namespace json = boost::json;

[[noreturn]] void refuse(std::string_view what, std::string_view kind, std::string_view file = kTokenizerJson) {
  throw InvalidInput(fmt::format("{}: \"{}\" is not {}.", file, what, kind));
}

[[noreturn]] void missing(std::string_view name) {
  throw InvalidInput(fmt::format("tokenizer.json: the field \"{}\" is missing.", name));
}

}  // namespace

std::string_view as_string(const json::value& value, std::string_view what, std::string_view file) {
  if (!value.is_string()) refuse(what, "a string", file);
  return {value.get_string().data(), value.get_string().size()};
}

std::int64_t as_integer(const json::value& value, std::string_view what, std::string_view file) {
  if (!value.is_int64()) refuse(what, "an integer", file);
  return value.get_int64();
}

double as_number(const json::value& value, std::string_view what) {
  if (value.is_double()) return value.get_double();
  return static_cast<double>(as_integer(value, what));
}

const json::object& as_object(const json::value& value, std::string_view what, std::string_view file) {
  if (!value.is_object()) refuse(what, "an object", file);
  return value.get_object();
}

const json::array& as_array(const json::value& value, std::string_view what, std::string_view file) {
  if (!value.is_array()) refuse(what, "an array", file);
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
  if (value == nullptr) return std::nullopt;
  if (!value->is_bool()) refuse(name, "true or false", file);
  return value->get_bool();
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
