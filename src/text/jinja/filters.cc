// Filters over single values, and the lookup of filters by name.
#include "text/jinja/filters.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <optional>

#include "text/jinja/arguments.h"
#include "text/jinja/big_integer.h"
#include "text/jinja/error.h"
#include "text/jinja/objects.h"
#include "text/jinja/operators.h"
#include "text/jinja/text.h"
#include "text/jinja/unicode.h"

namespace hearth::jinja {
namespace {

std::string number_text(std::string_view text) {
  std::string digits;
  for (const char c : strip_left(strip_right(text))) digits += c;
  return digits;
}

// Python allows single underscores between digits. Nullopt if they stand elsewhere.
std::optional<std::string> without_underscores(const std::string& text) {
  std::string digits;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      digits += text[i];
      continue;
    }
    const auto is_digit_at = [&](std::size_t at) {
      return at < text.size() && std::isalnum(static_cast<unsigned char>(text[at])) != 0;
    };
    if (i == 0 || !is_digit_at(i - 1) || !is_digit_at(i + 1)) return std::nullopt;
  }
  return digits;
}

// int(text, base); nullopt if it is no integer, or `base` no base.
std::optional<Value> parse_integer(std::string_view text, std::int64_t base) {
  if (base != 0 && (base < 2 || base > 36)) return std::nullopt;
  std::string digits = number_text(text);
  const bool negative = !digits.empty() && digits[0] == '-';
  if (!digits.empty() && (digits[0] == '-' || digits[0] == '+')) digits.erase(0, 1);
  const char marker = digits.size() > 1 && digits[0] == '0' ? static_cast<char>(digits[1] | 0x20) : '\0';
  const int named_base = marker == 'x' ? 16 : marker == 'o' ? 8 : marker == 'b' ? 2 : 0;
  if (named_base != 0 && (base == 0 || base == named_base)) {
    base = named_base;
    digits.erase(0, 2);
    if (!digits.empty() && digits[0] == '_') digits.erase(0, 1);
  }
  const auto plain = without_underscores(digits);
  if (!plain || plain->empty()) return std::nullopt;
  const std::string signed_digits = (negative ? "-" : "") + *plain;
  std::int64_t integer = 0;
  const auto [end, error] = std::from_chars(signed_digits.data(), signed_digits.data() + signed_digits.size(), integer,
                                            base == 0 ? 10 : static_cast<int>(base));
  if (end != signed_digits.data() + signed_digits.size() || plain->front() == '-') return std::nullopt;
  if (error == std::errc::result_out_of_range) {
    if (base != 0 && base != 10) fail("an integer in another base than ten does not fit 64 bits");
    return Value::integer(signed_digits.substr(0, negative ? 1 : 0) +
                          plain->substr(std::min(plain->find_first_not_of('0'), plain->size())));
  }
  if (error != std::errc{}) return std::nullopt;
  return Value(integer);
}

// float(text); nullopt if it is no number.
std::optional<double> parse_float(std::string_view text) {
  const auto plain = without_underscores(number_text(text));
  if (!plain || plain->empty()) return std::nullopt;
  std::string_view digits = *plain;
  const bool negative = digits[0] == '-';
  if (digits[0] == '-' || digits[0] == '+') digits.remove_prefix(1);
  if (digits.empty() || digits[0] == '-' || digits[0] == '+') return std::nullopt;
  double number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (end != digits.data() + digits.size() || error == std::errc::invalid_argument) return std::nullopt;
  if (digits.find('(') != std::string_view::npos) return std::nullopt;  // nan(…) is C's, not Python's
  if (error == std::errc::result_out_of_range) {
    const std::size_t exponent = digits.find_first_of("eE");
    const bool tiny = exponent != std::string_view::npos && exponent + 1 < digits.size() && digits[exponent + 1] == '-';
    number = tiny ? 0 : HUGE_VAL;
  }
  return negative ? -number : number;
}

Value filter_int(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  const BoundArguments bound("int", arguments, {"default", "base"});
  interpreter.charge(subject.weight() * kScanCost);
  if (subject.is_undefined()) fail(subject.hint());
  if (const auto integer = subject.as_integer()) return Value(*integer);
  if (!subject.big_integer().empty()) return subject;
  if (subject.kind() == Value::Kind::kFloat && !std::isnan(subject.number())) return whole_part(subject.number());
  if (subject.is_string()) {
    const std::int64_t base = bound[1] != nullptr ? bound[1]->as_integer().value_or(-1) : 10;
    if (const auto integer = parse_integer(subject.bytes(), base)) return *integer;
    const auto number = parse_float(subject.bytes());
    if (number && std::isfinite(*number)) return whole_part(*number);
  }
  return bound.value_or(0, Value(std::int64_t{0}));
}

Value filter_float(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  const BoundArguments bound("float", arguments, {"default"});
  interpreter.charge(subject.weight() * kScanCost);
  if (subject.is_undefined()) fail(subject.hint());
  if (const auto number = subject.as_number()) return Value(*number);
  if (!subject.big_integer().empty()) return Value(parse_float(subject.big_integer()).value_or(0));
  if (subject.is_string()) {
    if (const auto number = parse_float(subject.bytes())) return Value(*number);
  }
  return bound.value_or(0, Value(0.0));
}

Value filter_abs(Interpreter&, const Value& subject, const Arguments& arguments) {
  expect_no_arguments("abs", arguments);
  if (const auto integer = subject.as_integer()) return *integer < 0 ? negated(Value(*integer)) : Value(*integer);
  if (const auto number = subject.as_number()) return Value(std::fabs(*number));
  if (!subject.big_integer().empty()) return subject.big_integer()[0] == '-' ? negated(subject) : subject;
  if (subject.is_undefined()) fail(subject.hint());
  fail(fmt::format("bad operand type for abs(): '{}'", subject.type_name()));
}

// round(number, precision): to the nearest decimal, ties to even, as the exact binary value has it.
double rounded(double number, std::int64_t precision) {
  if (!std::isfinite(number) || precision > 323) return number;
  if (precision < -308) return std::copysign(0.0, number);
  if (precision < 0) {
    const double scale = std::pow(10.0, static_cast<double>(-precision));
    return std::nearbyint(number / scale) * scale;
  }
  const std::string digits = fmt::format("{:.{}f}", number, precision);
  double result = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), result);
  return result;
}

Value filter_round(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  const BoundArguments bound("round", arguments, {"precision", "method"});
  const std::int64_t precision = bound.integer_or(0, 0);
  const std::string method = bound[1] != nullptr ? interpreter.text(*bound[1]) : "common";
  if (method != "common" && method != "ceil" && method != "floor") fail("method must be common, ceil or floor");
  const auto number = subject.as_number();
  if (!number) {
    if (subject.is_undefined()) fail(subject.hint());
    fail(fmt::format("type {} doesn't define __round__ method", subject.type_name()));
  }
  if (method == "common") {
    if (const auto integer = subject.as_integer()) {
      return precision >= 0 ? Value(*integer) : Value(truncated(rounded(*number, precision)));
    }
    return Value(rounded(*number, precision));
  }
  const double scale = std::pow(10.0, static_cast<double>(precision));
  const double scaled = *number * scale;
  return Value((method == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / scale);
}

Value filter_default(Interpreter&, const Value& subject, const Arguments& arguments) {
  const BoundArguments bound("default", arguments, {"default_value", "boolean"});
  const bool replace = subject.is_undefined() || (bound.flag_or(1, false) && !truth(subject));
  return replace ? bound.value_or(0, Value("")) : subject;
}

Value filter_attr(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  const BoundArguments bound("attr", arguments, {"name"}, 1);
  if (subject.is_undefined()) fail(subject.hint());
  if (auto found = interpreter.own_attribute(subject, bound.text(0))) return *found;
  return Value::undefined(missing_attribute(subject, bound.text(0)));
}

Value filter_filesizeformat(Interpreter&, const Value& subject, const Arguments& arguments) {
  const BoundArguments bound("filesizeformat", arguments, {"binary"});
  const bool binary = bound.flag_or(0, false);
  const auto bytes = subject.is_string() ? parse_float(subject.bytes()) : subject.as_number();
  if (!bytes) fail("filesizeformat expects a number");
  const double base = binary ? 1024 : 1000;
  if (*bytes == 1) return Value("1 Byte");
  if (*bytes < base) return Value(fmt::format("{} Bytes", truncated(*bytes)));
  constexpr std::string_view kPrefixes = "kMGTPEZY";
  double unit = base;
  std::size_t index = 0;
  while (index + 1 < kPrefixes.size() && *bytes >= unit * base) {
    unit *= base;
    ++index;
  }
  const char prefix = binary && index == 0 ? 'K' : kPrefixes[index];
  return Value(fmt::format("{:.1f} {}{}", *bytes / unit, prefix, binary ? "iB" : "B"));
}

constexpr FilterEntry kFilters[] = {
    {"int", filter_int},         {"float", filter_float},
    {"abs", filter_abs},         {"round", filter_round},
    {"default", filter_default}, {"d", filter_default},
    {"attr", filter_attr},       {"filesizeformat", filter_filesizeformat},
};

}  // namespace

std::span<const FilterEntry> number_filters() {
  return kFilters;
}

AttributePath::AttributePath(const Value& path) {
  if (!path.is_string()) {
    parts_.push_back(path);
    return;
  }
  std::string_view rest = path.bytes();
  while (true) {
    const std::size_t dot = std::min(rest.find('.'), rest.size());
    const std::string_view part = rest.substr(0, dot);
    std::int64_t index = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), index);
    const bool is_index = !part.empty() && part[0] != '-' && error == std::errc{} && end == part.data() + part.size();
    parts_.push_back(is_index ? Value(index) : Value(part));
    if (dot == rest.size()) break;
    rest.remove_prefix(dot + 1);
  }
}

Value AttributePath::get(Interpreter& interpreter, const Value& item, const Value* fallback) const {
  Value value = item;
  for (const Value& part : parts_) {
    interpreter.charge(kStepCost);
    value = interpreter.subscript(value, part);
    if (fallback != nullptr && value.is_undefined()) value = *fallback;
  }
  return value;
}

Value case_folded(const Value& value) {
  return value.is_string() ? Value(to_lower(value.bytes())) : value;
}

Filter find_filter(std::string_view name) {
  for (const auto& table :
       {string_filters(), text_filters(), sequence_filters(), selection_filters(), number_filters()}) {
    for (const auto& [filter_name, filter] : table) {
      if (filter_name == name) return filter;
    }
  }
  return nullptr;
}

}  // namespace hearth::jinja
