// Python's operators over template values.
#pragma once

#include <cstdint>

#include "text/jinja/ast.h"
#include "text/jinja/value.h"

namespace hearth::jinja {

class Interpreter;

// Fail where Python raises TypeError or ZeroDivisionError.
Value arithmetic(Interpreter& interpreter, BinaryOperator op, const Value& left, const Value& right);
Value negated(const Value& value);
bool relate(Interpreter& interpreter, Relation relation, const Value& left, const Value& right);
bool contains(Interpreter& interpreter, const Value& container, const Value& item);
// left < right; fails if the two have no order.
bool less(const Value& left, const Value& right);

// The integer nearest to zero's side, as int(float); fails if it does not fit.
std::int64_t truncated(double number);

// Where a slice begins and how many items it has, in a sequence of `length`.
struct SliceRange {
  std::int64_t start;
  std::int64_t step;
  std::size_t count;
};
// Each bound is none or an integer.
SliceRange slice_range(std::size_t length, const Value& start, const Value& stop, const Value& step);
Value slice(Interpreter& interpreter, const Value& object, const Value& start, const Value& stop, const Value& step);

std::string escape_html(std::string_view text);

}  // namespace hearth::jinja
