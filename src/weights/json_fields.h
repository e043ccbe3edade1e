// Fields of a JSON object that the user's files hold: absent and null are the same, the wrong kind is InvalidInput with
// the file and the field's name.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <optional>
#include <string_view>

namespace hearth {

// Where a field stands if nothing else is said.
inline constexpr std::string_view kTokenizerJson = "tokenizer.json";

// Null if the field is absent or null.
const boost::json::value* find_field(const boost::json::object& object, std::string_view name);

std::optional<std::string_view> string_field(const boost::json::object& object, std::string_view name,
                                             std::string_view file = kTokenizerJson);
std::optional<bool> bool_field(const boost::json::object& object, std::string_view name,
                               std::string_view file = kTokenizerJson);
std::optional<std::int64_t> integer_field(const boost::json::object& object, std::string_view name,
                                          std::string_view file = kTokenizerJson);
const boost::json::object* object_field(const boost::json::object& object, std::string_view name,
                                        std::string_view file = kTokenizerJson);
const boost::json::array* array_field(const boost::json::object& object, std::string_view name,
                                      std::string_view file = kTokenizerJson);

// The same for fields that must be there.
std::string_view required_string(const boost::json::object& object, std::string_view name);
std::int64_t required_integer(const boost::json::object& object, std::string_view name);
const boost::json::object& required_object(const boost::json::object& object, std::string_view name);
const boost::json::array& required_array(const boost::json::object& object, std::string_view name);

// An element of an array or a map; `what` names it in the error.
std::string_view as_string(const boost::json::value& value, std::string_view what,
                           std::string_view file = kTokenizerJson);
// 3.0 is a whole number as well.
std::int64_t as_integer(const boost::json::value& value, std::string_view what, std::string_view file = kTokenizerJson);
double as_number(const boost::json::value& value, std::string_view what, std::string_view file = kTokenizerJson);
bool as_bool(const boost::json::value& value, std::string_view what, std::string_view file = kTokenizerJson);
const boost::json::object& as_object(const boost::json::value& value, std::string_view what,
                                     std::string_view file = kTokenizerJson);
const boost::json::array& as_array(const boost::json::value& value, std::string_view what,
                                   std::string_view file = kTokenizerJson);

}  // namespace hearth
