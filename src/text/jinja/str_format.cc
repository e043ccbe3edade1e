// Python's format specification, and the % operator on strings.
#include "text/jinja/str_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "text/jinja/error.h"
#include "text/jinja/operators.h"
#include "text/jinja/text.h"
#include "text/jinja/unicode.h"

namespace hearth::jinja {
namespace {

constexpr std::string_view kIntegerTypes = "bcdoxXn";
constexpr std::string_view kFloatTypes = "eEfFgGn%";

std::size_t parse_size(std::string_view text, std::size_t& position, std::size_t limit) {
  std::size_t size = 0;
  for (; position < text.size() && text[position] >= '0' && text[position] <= '9'; ++position) {
    size = size * 10 + static_cast<std::size_t>(text[position] - '0');
    if (size > limit) fail_limit(fmt::format("a format's width or precision is above {}", limit));
  }
  return size;
}

bool is_align(char c) {
  return c == '<' || c == '>' || c == '=' || c == '^';
}

// A separator after every `group` digits from the right, digits ending at `end`.
std::string grouped(std::string digits, std::size_t end, char separator, std::size_t group) {
  for (std::size_t i = end; i > group;) {
    i -= group;
    digits.insert(i, 1, separator);
  }
  return digits;
}

std::string sign_text(bool negative, char sign) {
  if (negative) return "-";
  return sign == '-' ? "" : std::string(1, sign);
}

// Sign and digits in the field: with '=' the padding goes between them.
std::string padded_number(const std::string& prefix, std::string digits, const FormatSpec& spec) {
  if (spec.align == '=' && prefix.size() + digits.size() < spec.width) {
    std::string fill;
    for (std::size_t i = prefix.size() + digits.size(); i < spec.width; ++i) append_code_point(fill, spec.fill);
    return prefix + fill + digits;
  }
  return padded(prefix + digits, spec, '>');
}

std::string unsigned_digits(std::uint64_t magnitude, char type) {
  switch (type) {
    case 'b':
      return fmt::format("{:b}", magnitude);
    case 'o':
      return fmt::format("{:o}", magnitude);
    case 'x':
      return fmt::format("{:x}", magnitude);
    case 'X':
      return fmt::format("{:X}", magnitude);
    default:
      return fmt::format("{}", magnitude);
  }
}

std::string c_format(double value, char type, std::size_t precision, bool alternate) {
  const std::string pattern = std::string(alternate ? "%#.*" : "%.*") + type;
  std::string text(512 + precision, '\0');
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  const int size = std::snprintf(text.data(), text.size(), pattern.c_str(), static_cast<int>(precision), value);
#pragma GCC diagnostic pop
  text.resize(static_cast<std::size_t>(size));
  return text;
}

// The magnitude of a float without sign.
std::string float_digits(double magnitude, const FormatSpec& spec) {
  if (!std::isfinite(magnitude)) {
    const bool upper = spec.type == 'E' || spec.type == 'F' || spec.type == 'G';
    const std::string name = std::isnan(magnitude) ? "nan" : "inf";
    return (upper ? to_upper(name) : name) + (spec.type == '%' ? "%" : "");
  }
  switch (spec.type) {
    case '%':
      return c_format(magnitude * 100, 'f', spec.precision.value_or(6), spec.alternate) + "%";
    case 'n':
      return c_format(magnitude, 'g', spec.precision.value_or(6), spec.alternate);
    case '\0': {
      if (!spec.precision) return float_repr(magnitude);
      std::string text = c_format(magnitude, 'g', std::max<std::size_t>(*spec.precision, 1), spec.alternate);
      if (text.find_first_of(".e") == std::string::npos) text += ".0";
      return text;
    }
    default:
      return c_format(magnitude, spec.type, spec.precision.value_or(6), spec.alternate);
  }
}

std::string character(std::int64_t code) {
  if (code < 0 || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) fail("%c arg is not a character");
  std::string text;
  append_code_point(text, static_cast<char32_t>(code));
  return text;
}

// Beyond 64 bits there is the decimal form alone.
std::string format_big_integer(std::string_view digits, const FormatSpec& spec, bool decimal) {
  if (!decimal) fail("an integer does not fit 64 bits");
  const bool negative = digits[0] == '-';
  std::string magnitude(digits.substr(negative ? 1 : 0));
  if (spec.precision && magnitude.size() < *spec.precision)
    magnitude.insert(0, *spec.precision - magnitude.size(), '0');
  if (spec.grouping != '\0') magnitude = grouped(magnitude, magnitude.size(), spec.grouping, 3);
  return padded_number(sign_text(negative, spec.sign), std::move(magnitude), spec);
}

// One conversion of a % format: %[(name)][flags][width][.precision]type.
class PercentFormatter {
 public:
  PercentFormatter(const Value& format, const Value& operand)
      : format_(format.bytes()), operand_(operand), escapes_(format.is_markup()) {}

  std::string run() {
    while (position_ < format_.size()) {
      const std::size_t percent = format_.find('%', position_);
      out_ += format_.substr(position_, percent - position_);
      if (percent == std::string_view::npos) break;
      position_ = percent + 1;
      convert();
      if (out_.size() > kTextBytesMax) fail_limit("a formatted text is too long");
    }
    if (operand_.kind() == Value::Kind::kTuple ? next_ < operand_.items().size()
                                               : next_ == 0 && !can_be_subscripted()) {
      fail("not all arguments converted during string formatting");
    }
    return std::move(out_);
  }

 private:
  // Python lets such an operand go unused: it might be a mapping.
  bool can_be_subscripted() const {
    const bool is_range = operand_.is_object() && operand_.object()->indexed() != nullptr;
    return operand_.is_dict() || operand_.is_sequence() || operand_.is_undefined() || is_range;
  }

  const Value& argument() {
    if (operand_.kind() == Value::Kind::kTuple) {
      if (next_ >= operand_.items().size()) fail("not enough arguments for format string");
      return operand_.items()[next_++];
    }
    if (next_++ > 0) fail("not enough arguments for format string");
    return operand_;
  }

  const Value& named_argument() {
    int open = 1;
    const std::size_t begin = ++position_;
    for (; position_ < format_.size() && open > 0; ++position_) {
      if (format_[position_] == '(') ++open;
      if (format_[position_] == ')') --open;
    }
    if (open > 0) fail("incomplete format key");
    if (!operand_.is_dict()) fail("format requires a mapping");
    const std::string_view key = format_.substr(begin, position_ - begin - 1);
    const Value* value = operand_.dict().find(key);
    if (value == nullptr) fail(fmt::format("no such key: {}", quoted(key)));
    next_ = 1;
    return *value;
  }

  char peek() const { return position_ < format_.size() ? format_[position_] : '\0'; }

  std::size_t star_or_size(std::size_t limit, bool& negative) {
    if (peek() != '*') return parse_size(format_, position_, limit);
    ++position_;
    const auto size = argument().as_integer();
    if (!size) fail("* wants int");
    negative = *size < 0;
    if (*size < -static_cast<std::int64_t>(limit) || *size > static_cast<std::int64_t>(limit)) {
      fail_limit(fmt::format("a format's width or precision is above {}", limit));
    }
    return static_cast<std::size_t>(negative ? -*size : *size);
  }

  void parse_flags(FormatSpec& spec) {
    for (;; ++position_) {
      switch (peek()) {
        case '-':
          spec.align = '<';
          break;
        case '+':
          spec.sign = '+';
          break;
        case ' ':
          if (spec.sign != '+') spec.sign = ' ';
          break;
        case '#':
          spec.alternate = true;
          break;
        case '0':
          spec.fill = U'0';
          break;
        default:
          return;
      }
    }
  }

  void convert() {
    const Value* named = peek() == '(' ? &named_argument() : nullptr;
    FormatSpec spec;
    parse_flags(spec);
    bool left = false;
    spec.width = star_or_size(kFieldWidthMax, left);
    if (left) spec.align = '<';
    if (peek() == '.') {
      ++position_;
      bool negative = false;
      const std::size_t precision = star_or_size(kPrecisionMax, negative);
      spec.precision = negative ? 0 : precision;
    }
    while (peek() == 'l' || peek() == 'h' || peek() == 'L') ++position_;
    if (position_ >= format_.size()) fail("incomplete format");
    spec.type = format_[position_++];
    if (spec.type == '%') {
      out_ += '%';
      return;
    }
    append(named != nullptr ? *named : argument(), spec);
  }

  void append(const Value& value, FormatSpec spec) {
    const char type = spec.type;
    if (type == 's' || type == 'r' || type == 'a') {
      spec.fill = U' ';
      spec.type = '\0';
      std::string text = type == 's' ? to_text(value) : to_repr(value);
      if (type == 'a') text = ascii_only(text);
      if (escapes_ && !(type == 's' && value.is_markup())) text = escape_html(text);
      out_ += padded(format_text(text, FormatSpec{.precision = spec.precision}), spec, '>');
      return;
    }
    if (type == 'c') {
      const auto code = value.as_integer();
      if (!code && !(value.is_string() && value.text().length == 1)) fail("%c requires int or char");
      out_ += padded(code ? character(*code) : value.bytes(), spec, '>');
      return;
    }
    if (spec.fill == U'0' && spec.align == '\0') spec.align = '=';
    if (spec.align == '<') spec.fill = U' ';
    if (std::string_view("diuoxX").find(type) != std::string_view::npos) {
      append_integer(value, spec);
      return;
    }
    if (std::string_view("eEfFgG").find(type) == std::string_view::npos) {
      fail(fmt::format("unsupported format character {}", quoted(std::string_view(&type, 1))));
    }
    const auto number = value.as_number();
    if (!number) fail(fmt::format("must be real number, not {}", value.type_name()));
    out_ += format_float(*number, spec);
  }

  void append_integer(const Value& value, FormatSpec spec) {
    const bool decimal = spec.type == 'd' || spec.type == 'i' || spec.type == 'u';
    auto integer = value.as_integer();
    if (!value.big_integer().empty()) {
      out_ += format_big_integer(value.big_integer(), spec, decimal);
      return;
    }
    if (!integer && decimal && value.kind() == Value::Kind::kFloat) integer = truncated(value.number());
    if (!integer) {
      fail(fmt::format("%{} format: a{} is required, not {}", spec.type, decimal ? " real number" : "n integer",
                       value.type_name()));
    }
    if (decimal) spec.type = 'd';
    out_ += format_integer(*integer, spec);
  }

  std::string_view format_;
  const Value& operand_;
  bool escapes_;
  std::size_t position_ = 0;
  std::size_t next_ = 0;
  std::string out_;
};

}  // namespace

FormatSpec parse_format_spec(std::string_view spec) {
  FormatSpec result;
  std::size_t position = 0;
  if (!spec.empty()) {
    std::size_t after_first = 0;
    const char32_t first = decode_at(spec, after_first);
    if (after_first < spec.size() && is_align(spec[after_first])) {
      result.fill = first;
      result.align = spec[after_first];
      position = after_first + 1;
    } else if (is_align(spec[0])) {
      result.align = spec[0];
      position = 1;
    }
  }
  const auto peek = [&] { return position < spec.size() ? spec[position] : '\0'; };
  if (peek() == '+' || peek() == '-' || peek() == ' ') result.sign = spec[position++];
  if (peek() == '#') result.alternate = ++position > 0;
  if (peek() == '0') {
    if (result.align == '\0') {
      result.fill = U'0';
      result.align = '=';
    }
    ++position;
  }
  result.width = parse_size(spec, position, kFieldWidthMax);
  if (peek() == ',' || peek() == '_') result.grouping = spec[position++];
  if (peek() == '.') {
    const std::size_t begin = ++position;
    result.precision = parse_size(spec, position, kPrecisionMax);
    if (position == begin) fail("Format specifier missing precision");
  }
  if (position < spec.size()) result.type = spec[position++];
  if (position < spec.size()) fail(fmt::format("Invalid format specifier {}", quoted(spec)));
  return result;
}

std::string padded(std::string_view text, const FormatSpec& spec, char default_align) {
  const std::size_t length = count_code_points(text);
  if (length >= spec.width) return std::string(text);
  const std::size_t missing = spec.width - length;
  const char align = spec.align == '\0' ? default_align : spec.align;
  const std::size_t left = align == '<' ? 0 : align == '^' ? missing / 2 : missing;
  std::string out;
  for (std::size_t i = 0; i < left; ++i) append_code_point(out, spec.fill);
  out += text;
  for (std::size_t i = left; i < missing; ++i) append_code_point(out, spec.fill);
  return out;
}

std::string format_text(std::string_view text, const FormatSpec& spec) {
  if (spec.type != '\0' && spec.type != 's') {
    fail(fmt::format("Unknown format code '{}' for object of type 'str'", spec.type));
  }
  if (spec.precision) text = text.substr(0, byte_offset(text, *spec.precision));
  return padded(text, spec, '<');
}

std::string format_integer(std::int64_t value, const FormatSpec& spec) {
  const bool negative = value < 0;
  const std::uint64_t magnitude =
      negative ? std::uint64_t{0} - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
  std::string digits = unsigned_digits(magnitude, spec.type);
  const bool decimal = spec.type == '\0' || spec.type == 'd' || spec.type == 'n';
  if (spec.precision && digits.size() < *spec.precision) digits.insert(0, *spec.precision - digits.size(), '0');
  if (spec.grouping != '\0') digits = grouped(digits, digits.size(), spec.grouping, decimal ? 3 : 4);
  std::string prefix = sign_text(negative, spec.sign);
  if (spec.alternate && !decimal) prefix += std::string("0") + spec.type;
  return padded_number(prefix, std::move(digits), spec);
}

std::string format_float(double value, const FormatSpec& spec) {
  const bool negative = std::signbit(value) && !std::isnan(value);
  std::string digits = float_digits(std::fabs(value), spec);
  if (spec.grouping != '\0') {
    digits = grouped(digits, std::min(digits.find_first_not_of("0123456789"), digits.size()), spec.grouping, 3);
  }
  return padded_number(sign_text(negative, spec.sign), std::move(digits), spec);
}

std::string format_value(const Value& value, const FormatSpec& spec) {
  const bool integer_type = kIntegerTypes.find(spec.type) != std::string_view::npos;
  const bool float_type = kFloatTypes.find(spec.type) != std::string_view::npos;
  switch (value.kind()) {
    case Value::Kind::kString:
      return format_text(value.bytes(), spec);
    case Value::Kind::kBoolean:
      // Alone it is a word; in a field it is a number.
      if (spec.type == '\0' && spec.width == 0) return format_text(to_text(value), spec);
      [[fallthrough]];
    case Value::Kind::kInteger:
      if (spec.type == 'c') return padded(character(*value.as_integer()), spec, '<');
      if (spec.type == '\0' || integer_type) {
        if (spec.precision) fail("Precision not allowed in integer format specifier");
        return format_integer(*value.as_integer(), spec);
      }
      [[fallthrough]];
    case Value::Kind::kFloat:
      if (spec.type != '\0' && !float_type) {
        fail(fmt::format("Unknown format code '{}' for object of type '{}'", spec.type, value.type_name()));
      }
      return format_float(*value.as_number(), spec);
    case Value::Kind::kUndefined:
      return format_text("", spec);
    default:
      if (!value.big_integer().empty()) {
        return format_big_integer(value.big_integer(), spec, spec.type == '\0' || spec.type == 'd' || spec.type == 'n');
      }
      fail(fmt::format("unsupported format string passed to {}.__format__", value.type_name()));
  }
}

Value percent_format(const Value& format, const Value& operand) {
  return Value(PercentFormatter(format, operand).run(), format.is_markup());
}

}  // namespace hearth::jinja
