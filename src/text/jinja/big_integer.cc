// Boost.Multiprecision computes; Python's rules for signs are ours.
#include "text/jinja/big_integer.h"

#include <fmt/format.h>

#include <boost/multiprecision/cpp_int.hpp>
#include <cmath>
#include <cstdlib>
#include <string>

#include "text/jinja/error.h"

namespace hearth::jinja {
namespace {

using Integer = boost::multiprecision::cpp_int;

// log2(10) per digit, rounded up.
constexpr std::size_t kBitsMax = kIntegerDigitsMax * 10 / 3 + 1;

std::size_t bits_of(const Integer& number) {
  return number == 0 ? 0 : boost::multiprecision::msb(abs(number)) + 1;
}

[[noreturn]] void fail_length() {
  fail(fmt::format("an integer has more than {} digits", kIntegerDigitsMax));
}

Value value_of(const Integer& number) {
  if (bits_of(number) > kBitsMax) fail_length();
  return Value::integer(number.str());
}

double nearest_double(const Integer& number) {
  const double result = std::strtod(number.str().c_str(), nullptr);  // convert_to() throws where there is none
  if (std::isinf(result)) fail("int too large to convert to float");
  return result;
}

Integer floor_divide(const Integer& a, const Integer& b) {
  if (b == 0) fail("integer division or modulo by zero");
  const Integer quotient = a / b;
  return a % b != 0 && (a < 0) != (b < 0) ? Integer(quotient - 1) : quotient;
}

Integer power(Integer base, const Integer& exponent) {
  if (base == 0 || base == 1) return exponent == 0 ? Integer(1) : base;
  if (base == -1) return exponent % 2 == 0 ? Integer(1) : base;
  // The result has at least so many bits.
  if (exponent > kBitsMax || (bits_of(base) - 1) * exponent.convert_to<std::size_t>() > kBitsMax) fail_length();
  return boost::multiprecision::pow(base, exponent.convert_to<unsigned>());
}

}  // namespace

Value big_arithmetic(BinaryOperator op, std::string_view left, std::string_view right) {
  const Integer a{std::string(left)}, b{std::string(right)};
  switch (op) {
    case BinaryOperator::kAdd:
      return value_of(a + b);
    case BinaryOperator::kSubtract:
      return value_of(a - b);
    case BinaryOperator::kMultiply:
      return value_of(a * b);
    case BinaryOperator::kDivide:
      if (b == 0) fail("division by zero");
      return Value(nearest_double(a) / nearest_double(b));
    case BinaryOperator::kFloorDivide:
      return value_of(floor_divide(a, b));
    case BinaryOperator::kModulo:
      return value_of(a - floor_divide(a, b) * b);
    case BinaryOperator::kPower:
      break;
  }
  if (b < 0) return Value(std::pow(nearest_double(a), nearest_double(b)));
  return value_of(power(a, b));
}

Value whole_part(double number) {
  if (std::isnan(number)) fail("cannot convert float NaN to integer");
  if (std::isinf(number)) fail("cannot convert float infinity to integer");
  return value_of(Integer(std::trunc(number)));
}

}  // namespace hearth::jinja
