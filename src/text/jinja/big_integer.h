// Integers beyond 64 bits, which Python has and chat templates hardly ever meet: an operation whose result leaves the
// 64 bits is done again here, over decimal digits.
#pragma once

#include <cstdint>
#include <string_view>

#include "text/jinja/ast.h"
#include "text/jinja/value.h"

namespace hearth::jinja {

// `left` and `right`: digits, with a sign if negative. Fails where Python raises ZeroDivisionError or OverflowError,
// and where the result has more than kIntegerDigitsMax digits, which Python does not write either.
Value big_arithmetic(BinaryOperator op, std::string_view left, std::string_view right);

// int(number) of a finite number.
Value whole_part(double number);

}  // namespace hearth::jinja
