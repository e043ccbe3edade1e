// Jinja's tests: what may follow `is`.
#include <fmt/format.h>

#include <span>
#include <utility>

#include "text/jinja/arguments.h"
#include "text/jinja/ast.h"
#include "text/jinja/error.h"
#include "text/jinja/filters.h"
#include "text/jinja/interpreter.h"
#include "text/jinja/methods.h"
#include "text/jinja/operators.h"

namespace hearth::jinja {
namespace {

template <Value::Kind kKind>
bool test_kind(Interpreter&, const Value& subject, const Arguments& arguments) {
  expect_no_arguments("a test", arguments);
  return subject.kind() == kKind;
}

template <bool kWanted>
bool test_boolean_value(Interpreter&, const Value& subject, const Arguments& arguments) {
  expect_no_arguments("a test", arguments);
  return subject.kind() == Value::Kind::kBoolean && subject.boolean() == kWanted;
}

template <Relation kRelation>
bool test_relation(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  const BoundArguments bound("a comparing test", arguments, {""}, 1);
  return relate(interpreter, kRelation, subject, *bound[0]);
}

bool test_defined(Interpreter&, const Value& subject, const Arguments& arguments) {
  expect_no_arguments("defined", arguments);
  return !subject.is_undefined();
}

bool test_number(Interpreter&, const Value& subject, const Arguments& arguments) {
  expect_no_arguments("number", arguments);
  return subject.as_number() || !subject.big_integer().empty();
}

bool test_integer(Interpreter&, const Value& subject, const Arguments& arguments) {
  expect_no_arguments("integer", arguments);
  return subject.kind() == Value::Kind::kInteger || !subject.big_integer().empty();
}

bool test_iterable(Interpreter&, const Value& subject, const Arguments& arguments) {
  expect_no_arguments("iterable", arguments);
  return subject.is_string() || subject.is_sequence() || subject.is_dict() || subject.is_undefined() ||
         (subject.is_object() && subject.object()->iterable());
}

bool test_sequence(Interpreter&, const Value& subject, const Arguments& arguments) {
  expect_no_arguments("sequence", arguments);
  return subject.is_undefined() || subject.is_string() || subject.is_sequence() || subject.is_dict() ||
         (subject.is_object() && subject.object()->indexed() != nullptr);
}

bool test_callable(Interpreter&, const Value& subject, const Arguments& arguments) {
  expect_no_arguments("callable", arguments);
  // An undefined value has a call operator, too, though all it does is fail.
  return subject.is_undefined() || (subject.is_object() && subject.object()->callable());
}

bool test_escaped(Interpreter&, const Value& subject, const Arguments& arguments) {
  expect_no_arguments("escaped", arguments);
  return subject.is_markup();
}

bool divides(Interpreter& interpreter, const Value& subject, const Value& divisor) {
  const Value remainder = arithmetic(interpreter, BinaryOperator::kModulo, subject, divisor);
  return remainder.as_number() && *remainder.as_number() == 0;
}

bool test_even(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  expect_no_arguments("even", arguments);
  return divides(interpreter, subject, Value(std::int64_t{2}));
}

bool test_odd(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  expect_no_arguments("odd", arguments);
  const Value remainder = arithmetic(interpreter, BinaryOperator::kModulo, subject, Value(std::int64_t{2}));
  return remainder.as_number() && *remainder.as_number() == 1;
}

bool test_divisibleby(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  const BoundArguments bound("divisibleby", arguments, {"num"}, 1);
  return divides(interpreter, subject, *bound[0]);
}

bool test_sameas(Interpreter&, const Value& subject, const Arguments& arguments) {
  const BoundArguments bound("sameas", arguments, {"other"}, 1);
  return subject.same_as(*bound[0]);
}

bool test_in(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  const BoundArguments bound("in", arguments, {"seq"}, 1);
  return contains(interpreter, *bound[0], subject);
}

bool test_lower(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  expect_no_arguments("lower", arguments);
  interpreter.charge(subject.weight() * kScanCost);
  return is_lower_text(interpreter.text(subject));
}

bool test_upper(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  expect_no_arguments("upper", arguments);
  interpreter.charge(subject.weight() * kScanCost);
  return is_upper_text(interpreter.text(subject));
}

bool test_filter(Interpreter&, const Value& subject, const Arguments& arguments) {
  expect_no_arguments("filter", arguments);
  if (!hash(subject)) fail(fmt::format("unhashable type: '{}'", subject.type_name()));
  return subject.is_string() && find_filter(subject.bytes()) != nullptr;
}

bool test_test(Interpreter&, const Value& subject, const Arguments& arguments) {
  expect_no_arguments("test", arguments);
  if (!hash(subject)) fail(fmt::format("unhashable type: '{}'", subject.type_name()));
  return subject.is_string() && find_test(subject.bytes()) != nullptr;
}

using TestEntry = std::pair<std::string_view, Test>;
constexpr TestEntry kTests[] = {
    {"defined", test_defined},
    {"undefined", test_kind<Value::Kind::kUndefined>},
    {"none", test_kind<Value::Kind::kNone>},
    {"boolean", test_kind<Value::Kind::kBoolean>},
    {"integer", test_integer},
    {"float", test_kind<Value::Kind::kFloat>},
    {"string", test_kind<Value::Kind::kString>},
    {"mapping", test_kind<Value::Kind::kDict>},
    {"true", test_boolean_value<true>},
    {"false", test_boolean_value<false>},
    {"number", test_number},
    {"iterable", test_iterable},
    {"sequence", test_sequence},
    {"callable", test_callable},
    {"escaped", test_escaped},
    {"even", test_even},
    {"odd", test_odd},
    {"divisibleby", test_divisibleby},
    {"sameas", test_sameas},
    {"in", test_in},
    {"lower", test_lower},
    {"upper", test_upper},
    {"filter", test_filter},
    {"test", test_test},
    {"==", test_relation<Relation::kEqual>},
    {"eq", test_relation<Relation::kEqual>},
    {"equalto", test_relation<Relation::kEqual>},
    {"!=", test_relation<Relation::kUnequal>},
    {"ne", test_relation<Relation::kUnequal>},
    {">", test_relation<Relation::kGreater>},
    {"gt", test_relation<Relation::kGreater>},
    {"greaterthan", test_relation<Relation::kGreater>},
    {">=", test_relation<Relation::kGreaterOrEqual>},
    {"ge", test_relation<Relation::kGreaterOrEqual>},
    {"<", test_relation<Relation::kLess>},
    {"lt", test_relation<Relation::kLess>},
    {"lessthan", test_relation<Relation::kLess>},
    {"<=", test_relation<Relation::kLessOrEqual>},
    {"le", test_relation<Relation::kLessOrEqual>},
};

}  // namespace

Test find_test(std::string_view name) {
  for (const auto& [test_name, test] : kTests) {
    if (test_name == name) return test;
  }
  return nullptr;
}

}  // namespace hearth::jinja
