// JSON as Python's json module has it, for what passes through Hearth into a template or out to a client. Boost.JSON
// reads some numbers one unit in the last place off, has no integers beyond 64 bits, and writes characters raw at which
// some readers break a line.
//
// Format: RFC 8259.
#pragma once

#include <boost/json/value.hpp>
#include <boost/system/error_code.hpp>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace hearth {

// What becomes of an integer beyond 64 bits: the nearest double, or a value that keeps its digits (big_integer_digits).
enum class BigIntegers { kAsDouble, kKeepDigits };

struct ParsedJson {
  boost::json::value value;  // null where there is an error
  boost::system::error_code error;
  std::size_t at = 0;  // where the error stands, in bytes
};

// A whole document. Every number with a fraction or an exponent is the double that is nearest to it.
ParsedJson parse_json(std::string_view text, std::size_t depth_max, BigIntegers big_integers);

// The digits of an integer beyond 64 bits, with its sign; nullopt for any other value. Such a value is an object of one
// entry that no client names so by chance; its name is nowhere shown.
std::optional<std::string_view> big_integer_digits(const boost::json::value& value);

// Serialized on one line, whatever the reader takes for the end of one: control characters, U+0085, U+2028, U+2029 and
// what turns the direction of writing are escapes.
std::string serialized_json(const boost::json::value& value);

// A member that is text; empty where there is none, or it is something else.
std::string text_member(const boost::json::object& object, std::string_view name);

}  // namespace hearth
