// Values as text: str(), repr() and JSON, each as Python writes them; and JSON as values.
#pragma once

#include <boost/json/value.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "text/jinja/value.h"

namespace hearth::jinja {

// Both throw TemplateError(kLimit) once the text gets longer than kTextBytesMax.
std::string to_text(const Value& value);
std::string to_repr(const Value& value);
std::string float_repr(double number);
std::string quoted(std::string_view text);      // repr of a string
std::string ascii_only(std::string_view repr);  // what is not ASCII becomes escapes

struct JsonStyle {
  bool ascii = false;
  bool sort_keys = false;
  std::optional<std::string> indent;  // one level's; without it everything is on one line
  std::string item_separator = ", ";
  std::string key_separator = ": ";
};
// json.dumps. Fails for values that JSON has no form for.
std::string to_json(const Value& value, const JsonStyle& style);

// Throws TemplateError(kLimit) if nested too deeply.
Value from_json(const boost::json::value& json);

}  // namespace hearth::jinja
