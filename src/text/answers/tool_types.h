// What the tools of a request take, as far as reading a call needs it: a syntax that writes every value as bare text
// leaves open whether 3 is a number or a text, and the tool's schema says it.
#pragma once

#include <boost/json/fwd.hpp>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace hearth {

// JSON Schema's types as bits; 0: not known.
enum ValueType : std::uint8_t {
  kText = 1,
  kNumber = 2,
  kInteger = 4,
  kBoolean = 8,
  kObjectValue = 16,
  kListValue = 32,
  kNull = 64
};
using ValueTypes = std::uint8_t;

class ToolTypes {
 public:
  // `parameters`: the schema of the tool's arguments; null where there is none.
  void add(std::string_view tool, const boost::json::value& parameters);
  bool knows(std::string_view tool) const { return tools_.contains(tool); }
  std::vector<std::string_view> names() const;
  bool empty() const { return tools_.empty(); }
  ValueTypes of(std::string_view tool, std::string_view argument) const;

 private:
  std::map<std::string, std::map<std::string, ValueTypes, std::less<>>, std::less<>> tools_;
};

// A value that was written as bare text, as JSON of a type that is allowed: JSON or Python's spelling of it where the
// types allow anything but text, else a JSON string.
std::string json_of_bare_text(std::string_view text, ValueTypes types);
// The text as the inside of a JSON string.
std::string json_escaped(std::string_view text);

}  // namespace hearth
