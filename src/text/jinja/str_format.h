// Python's three ways to format: "%s" % x, "{}".format(x), and the format specification that both build on.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "text/jinja/value.h"

namespace hearth::jinja {

class Interpreter;

// `format % operand`; a tuple holds several operands, a dict named ones.
Value percent_format(const Value& format, const Value& operand);
// format.format(*positional, **named)
Value brace_format(Interpreter& interpreter, const Value& format, const Arguments& arguments);

// [[fill]align][sign][#][0][width][grouping][.precision][type]
struct FormatSpec {
  char32_t fill = U' ';
  char align = '\0';  // < > = ^
  char sign = '-';    // - + space
  bool alternate = false;
  std::size_t width = 0;
  char grouping = '\0';
  std::optional<std::size_t> precision;
  char type = '\0';
};
// No field may be wider, and no number longer.
inline constexpr std::size_t kFieldWidthMax = 65536;
inline constexpr std::size_t kPrecisionMax = 1024;

FormatSpec parse_format_spec(std::string_view spec);
std::string format_value(const Value& value, const FormatSpec& spec);
std::string format_integer(std::int64_t value, const FormatSpec& spec);
std::string format_float(double value, const FormatSpec& spec);
std::string format_text(std::string_view text, const FormatSpec& spec);
// The text in a field of that width, `default_align` where the specification names none.
std::string padded(std::string_view text, const FormatSpec& spec, char default_align);

}  // namespace hearth::jinja
