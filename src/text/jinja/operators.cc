// Arithmetic, order, membership and slices.
#include "text/jinja/operators.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <optional>

#include "text/jinja/big_integer.h"
#include "text/jinja/error.h"
#include "text/jinja/interpreter.h"
#include "text/jinja/str_format.h"
#include "text/jinja/text.h"
#include "text/jinja/unicode.h"

namespace hearth::jinja {
namespace {

using Integer = std::int64_t;

constexpr std::array<std::string_view, 7> kSpelling = {"+", "-", "*", "/", "//", "%", "**"};

std::string_view spelling(BinaryOperator op) {
  return kSpelling[static_cast<std::size_t>(op)];
}

[[noreturn]] void fail_operands(BinaryOperator op, const Value& left, const Value& right) {
  if (left.is_undefined()) fail(left.hint());
  if (right.is_undefined()) fail(right.hint());
  if (op == BinaryOperator::kAdd && (left.is_string() || left.is_sequence())) {
    fail(fmt::format("can only concatenate {0} (not \"{1}\") to {0}", left.type_name(), right.type_name()));
  }
  fail(fmt::format("unsupported operand type(s) for {}: '{}' and '{}'", spelling(op), left.type_name(),
                   right.type_name()));
}

// What does not fit 64 bits is nullopt, here and below.
std::optional<Integer> floor_divide(Integer a, Integer b) {
  if (b == 0) fail("integer division or modulo by zero");
  if (b == -1) return a == std::numeric_limits<Integer>::min() ? std::nullopt : std::optional(-a);
  const Integer quotient = a / b;
  return a % b != 0 && (a < 0) != (b < 0) ? quotient - 1 : quotient;
}

Integer floor_modulo(Integer a, Integer b) {
  if (b == 0) fail("integer division or modulo by zero");
  if (b == -1) return 0;
  const Integer remainder = a % b;
  return remainder != 0 && (remainder < 0) != (b < 0) ? remainder + b : remainder;
}

std::optional<Integer> integer_power(Integer base, Integer exponent) {
  Integer result = 1;
  while (exponent > 0) {
    if ((exponent & 1) != 0 && __builtin_mul_overflow(result, base, &result)) return std::nullopt;
    exponent >>= 1;
    if (exponent > 0 && __builtin_mul_overflow(base, base, &base)) return std::nullopt;
  }
  return result;
}

// Of any operation but division.
std::optional<Integer> small_arithmetic(BinaryOperator op, Integer a, Integer b) {
  Integer result = 0;
  switch (op) {
    case BinaryOperator::kAdd:
      return __builtin_add_overflow(a, b, &result) ? std::nullopt : std::optional(result);
    case BinaryOperator::kSubtract:
      return __builtin_sub_overflow(a, b, &result) ? std::nullopt : std::optional(result);
    case BinaryOperator::kMultiply:
      return __builtin_mul_overflow(a, b, &result) ? std::nullopt : std::optional(result);
    case BinaryOperator::kFloorDivide:
      return floor_divide(a, b);
    case BinaryOperator::kModulo:
      return floor_modulo(a, b);
    default:
      return integer_power(a, b);
  }
}

bool is_integer(const Value& value) {
  return value.as_integer() || !value.big_integer().empty();
}

std::string integer_digits(const Value& value) {
  return value.as_integer() ? fmt::format("{}", *value.as_integer()) : std::string(value.big_integer());
}

// A number as a double; nullopt for what is none.
std::optional<double> nearest_double(const Value& value) {
  if (value.big_integer().empty()) return value.as_number();
  return std::strtod(std::string(value.big_integer()).c_str(), nullptr);
}

Value integer_arithmetic(BinaryOperator op, const Value& left, const Value& right) {
  const auto a = left.as_integer(), b = right.as_integer();
  if (a && b && op == BinaryOperator::kDivide) {
    if (*b == 0) fail("division by zero");
    return Value(static_cast<double>(*a) / static_cast<double>(*b));
  }
  if (a && b && op == BinaryOperator::kPower && *b < 0) {
    if (*a == 0) fail("0.0 cannot be raised to a negative power");
    return Value(std::pow(static_cast<double>(*a), static_cast<double>(*b)));
  }
  if (a && b) {
    if (const auto result = small_arithmetic(op, *a, *b)) return Value(*result);
  }
  return big_arithmetic(op, integer_digits(left), integer_digits(right));
}

double float_modulo(double a, double b) {
  if (b == 0) fail("float modulo");
  const double remainder = std::fmod(a, b);
  if (remainder == 0) return std::copysign(0.0, b);
  return (remainder < 0) != (b < 0) ? remainder + b : remainder;
}

double float_floor_divide(double a, double b) {
  if (b == 0) fail("float floor division by zero");
  const double quotient = (a - float_modulo(a, b)) / b;
  const double whole = std::floor(quotient);
  return quotient - whole > 0.5 ? whole + 1 : whole;
}

double float_power(double a, double b) {
  if (a == 0 && b < 0) fail("0.0 cannot be raised to a negative power");
  const double result = std::pow(a, b);
  if (std::isnan(result) && !std::isnan(a) && !std::isnan(b)) fail("a power has no real value");
  if (std::isinf(result) && std::isfinite(a) && std::isfinite(b)) fail("a power is too large");
  return result;
}

Value float_arithmetic(BinaryOperator op, double a, double b) {
  switch (op) {
    case BinaryOperator::kAdd:
      return Value(a + b);
    case BinaryOperator::kSubtract:
      return Value(a - b);
    case BinaryOperator::kMultiply:
      return Value(a * b);
    case BinaryOperator::kDivide:
      if (b == 0) fail("float division by zero");
      return Value(a / b);
    case BinaryOperator::kFloorDivide:
      return Value(float_floor_divide(a, b));
    case BinaryOperator::kModulo:
      return Value(float_modulo(a, b));
    case BinaryOperator::kPower:
      break;
  }
  return Value(float_power(a, b));
}

Value add_text(Interpreter& interpreter, const Value& left, const Value& right) {
  interpreter.charge(left.bytes().size() + right.bytes().size());
  if (left.is_markup() == right.is_markup()) return Value(left.bytes() + right.bytes(), left.is_markup());
  return left.is_markup() ? Value(left.bytes() + escape_html(right.bytes()), true)
                          : Value(escape_html(left.bytes()) + right.bytes(), true);
}

// `text` or `sequence` times a number.
Value repeat(Interpreter& interpreter, const Value& value, Integer times) {
  const auto count = truth(value) ? static_cast<std::size_t>(std::max<Integer>(times, 0)) : 0;
  const std::size_t size = value.is_string() ? value.bytes().size() + 1 : value.weight();
  if (count > kValueWeightMax / size) fail_limit("a repetition is too long");
  interpreter.charge(count * size);
  if (value.is_string()) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) text += value.bytes();
    return Value(std::move(text), value.is_markup());
  }
  std::vector<Value> items;
  for (std::size_t i = 0; i < count; ++i) items.insert(items.end(), value.items().begin(), value.items().end());
  return Value::sequence(value.sequence().kind, std::move(items));
}

Value add_sequences(Interpreter& interpreter, const Value& left, const Value& right) {
  std::vector<Value> items = left.items();
  items.insert(items.end(), right.items().begin(), right.items().end());
  interpreter.charge(items.size() * kElementWeight);
  return Value::sequence(left.kind() == Value::Kind::kList ? Sequence::Kind::kList : Sequence::Kind::kTuple,
                         std::move(items));
}

bool less_items(const std::vector<Value>& left, const std::vector<Value>& right) {
  const std::size_t common = std::min(left.size(), right.size());
  for (std::size_t i = 0; i < common; ++i) {
    if (!equals(left[i], right[i])) return less(left[i], right[i]);
  }
  return left.size() < right.size();
}

bool less_or_equal_items(const std::vector<Value>& left, const std::vector<Value>& right) {
  return !less_items(right, left);
}

[[noreturn]] void fail_order(std::string_view sign, const Value& left, const Value& right) {
  if (left.is_undefined()) fail(left.hint());
  if (right.is_undefined()) fail(right.hint());
  fail(fmt::format("'{}' not supported between instances of '{}' and '{}'", sign, left.type_name(), right.type_name()));
}

// Below 0, 0 or above, as the first is less, equal or greater; nullopt unless both are integers and one is beyond 64
// bits.
std::optional<int> compare_big_integers(const Value& left, const Value& right) {
  const std::string_view a = left.big_integer(), b = right.big_integer();
  const auto sign = [](std::string_view digits) { return digits[0] == '-' ? -1 : 1; };
  if (a.empty() && b.empty()) return std::nullopt;
  if (a.empty()) return left.as_integer() ? std::optional(-sign(b)) : std::nullopt;
  if (b.empty()) return right.as_integer() ? std::optional(sign(a)) : std::nullopt;
  if (sign(a) != sign(b)) return sign(a);
  const int larger = a.size() != b.size() ? (a.size() < b.size() ? -1 : 1) : a.compare(b);
  return sign(a) * larger;
}

// left < right, or left <= right.
bool ordered(const Value& left, const Value& right, bool or_equal, std::string_view sign) {
  if (const auto a = left.as_integer(), b = right.as_integer(); a && b) return or_equal ? *a <= *b : *a < *b;
  if (const auto a = left.as_number(), b = right.as_number(); a && b) return or_equal ? *a <= *b : *a < *b;
  if (const auto order = compare_big_integers(left, right)) return or_equal ? *order <= 0 : *order < 0;
  if (const auto a = nearest_double(left), b = nearest_double(right); a && b) return or_equal ? *a <= *b : *a < *b;
  if (left.is_string() && right.is_string()) {
    // UTF-8 sorts as its code points do.
    return or_equal ? left.bytes() <= right.bytes() : left.bytes() < right.bytes();
  }
  if (left.is_sequence() && left.kind() == right.kind()) {
    return or_equal ? less_or_equal_items(left.items(), right.items()) : less_items(left.items(), right.items());
  }
  fail_order(sign, left, right);
}

Integer slice_bound(const Value& bound, Integer length, Integer lowest, Integer highest, Integer fallback) {
  if (bound.is_none()) return fallback;
  const auto index = bound.as_integer();
  if (!index) {
    if (bound.is_undefined()) fail(bound.hint());
    fail("slice indices must be integers or None or have an __index__ method");
  }
  const Integer from_start = *index < 0 ? *index + length : *index;
  return std::clamp(from_start, lowest, highest);
}

}  // namespace

Value arithmetic(Interpreter& interpreter, BinaryOperator op, const Value& left, const Value& right) {
  if (is_integer(left) && is_integer(right)) return integer_arithmetic(op, left, right);
  if (const auto a = nearest_double(left), b = nearest_double(right); a && b) return float_arithmetic(op, *a, *b);
  if (op == BinaryOperator::kAdd) {
    if (left.is_string() && right.is_string()) return add_text(interpreter, left, right);
    if (left.is_sequence() && left.kind() == right.kind()) return add_sequences(interpreter, left, right);
  }
  if (op == BinaryOperator::kMultiply) {
    if ((left.is_string() || left.is_sequence()) && right.as_integer()) {
      return repeat(interpreter, left, *right.as_integer());
    }
    if ((right.is_string() || right.is_sequence()) && left.as_integer()) {
      return repeat(interpreter, right, *left.as_integer());
    }
  }
  if (op == BinaryOperator::kModulo && left.is_string()) {
    interpreter.charge((left.weight() + right.weight()) * kScanCost);
    return percent_format(left, right);
  }
  fail_operands(op, left, right);
}

Value negated(const Value& value) {
  if (is_integer(value)) return integer_arithmetic(BinaryOperator::kSubtract, Value(std::int64_t{0}), value);
  if (const auto number = value.as_number()) return Value(-*number);
  if (value.is_undefined()) fail(value.hint());
  fail(fmt::format("bad operand type for unary -: '{}'", value.type_name()));
}

bool relate(Interpreter& interpreter, Relation relation, const Value& left, const Value& right) {
  switch (relation) {
    case Relation::kEqual:
      return interpreter.equal(left, right);
    case Relation::kUnequal:
      return !interpreter.equal(left, right);
    case Relation::kIn:
      return contains(interpreter, right, left);
    case Relation::kNotIn:
      return !contains(interpreter, right, left);
    default:
      break;
  }
  interpreter.charge(std::min(left.weight(), right.weight()));
  switch (relation) {
    case Relation::kLess:
      return ordered(left, right, false, "<");
    case Relation::kLessOrEqual:
      return ordered(left, right, true, "<=");
    case Relation::kGreater:
      return ordered(right, left, false, ">");
    default:
      return ordered(right, left, true, ">=");
  }
}

bool less(const Value& left, const Value& right) {
  return ordered(left, right, false, "<");
}

bool contains(Interpreter& interpreter, const Value& container, const Value& item) {
  if (container.is_string()) {
    if (!item.is_string()) {
      if (item.is_undefined()) fail(item.hint());
      fail(fmt::format("'in <string>' requires string as left operand, not {}", item.type_name()));
    }
    interpreter.charge(container.bytes().size());
    return find_text(container.bytes(), item.bytes()) != std::string::npos;
  }
  if (container.is_dict()) {
    interpreter.charge(item.weight());
    if (!hash(item)) fail(fmt::format("unhashable type: '{}'", item.type_name()));
    return container.dict().find(item) != nullptr;
  }
  const bool iterable =
      container.is_sequence() || container.is_undefined() || (container.is_object() && container.object()->iterable());
  if (!iterable) fail(fmt::format("argument of type '{}' is not iterable", container.type_name()));
  const std::vector<Value> items = interpreter.iterate(container);
  return std::any_of(items.begin(), items.end(),
                     [&](const Value& candidate) { return interpreter.equal(candidate, item); });
}

std::int64_t truncated(double number) {
  if (std::isnan(number)) fail("cannot convert float NaN to integer");
  if (!(number > -9223372036854775809.0 && number < 9223372036854775808.0)) fail("an integer does not fit 64 bits");
  return static_cast<std::int64_t>(number);
}

SliceRange slice_range(std::size_t length, const Value& start, const Value& stop, const Value& step) {
  const auto size = static_cast<Integer>(length);
  constexpr Integer kFarthest = std::numeric_limits<Integer>::max() / 2;
  const Integer stride = slice_bound(step, 0, -kFarthest, kFarthest, 1);
  if (stride == 0) fail("slice step cannot be zero");
  const bool forward = stride > 0;
  const Integer lowest = forward ? 0 : -1;
  const Integer highest = forward ? size : size - 1;
  const Integer begin = slice_bound(start, size, lowest, highest, forward ? lowest : highest);
  const Integer end = slice_bound(stop, size, lowest, highest, forward ? highest : lowest);
  const Integer distance = forward ? end - begin : begin - end;
  const Integer pace = forward ? stride : -stride;
  const Integer count = distance > 0 ? (distance - 1) / pace + 1 : 0;
  return SliceRange{begin, stride, static_cast<std::size_t>(count)};
}

Value slice(Interpreter& interpreter, const Value& object, const Value& start, const Value& stop, const Value& step) {
  if (object.is_undefined()) fail(object.hint());
  const std::vector<Value>* items = object.is_sequence() ? &object.items()
                                    : object.is_object() ? object.object()->indexed()
                                                         : nullptr;
  if (items != nullptr) {
    const SliceRange range = slice_range(items->size(), start, stop, step);
    interpreter.charge(range.count * kElementWeight / 2);
    std::vector<Value> taken;
    for (std::size_t i = 0; i < range.count; ++i) {
      taken.push_back((*items)[static_cast<std::size_t>(range.start + static_cast<Integer>(i) * range.step)]);
    }
    const bool tuple = object.kind() == Value::Kind::kTuple;
    return Value::sequence(tuple ? Sequence::Kind::kTuple : Sequence::Kind::kList, std::move(taken));
  }
  if (!object.is_string()) fail(fmt::format("'{}' object cannot be sliced", object.type_name()));
  const Text& text = object.text();
  interpreter.charge(text.bytes.size() * (step.is_none() ? 1 : kScanCost));
  const SliceRange range = slice_range(text.length, start, stop, step);
  if (range.step == 1) {
    const std::size_t begin = byte_offset(text.bytes, static_cast<std::size_t>(range.start));
    const std::size_t size = byte_offset(std::string_view(text.bytes).substr(begin), range.count);
    return Value(text.bytes.substr(begin, size), text.markup);
  }
  const std::u32string code_points = to_code_points(text.bytes);
  std::u32string taken;
  for (std::size_t i = 0; i < range.count; ++i) {
    taken += code_points[static_cast<std::size_t>(range.start + static_cast<Integer>(i) * range.step)];
  }
  return Value(to_utf8(taken), text.markup);
}

std::string escape_html(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '\'':
        out += "&#39;";
        break;
      case '"':
        out += "&#34;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

}  // namespace hearth::jinja
