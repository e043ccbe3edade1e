// Expressions, carried out.
#include <fmt/format.h>

#include <algorithm>

#include "text/jinja/ast.h"
#include "text/jinja/error.h"
#include "text/jinja/interpreter.h"
#include "text/jinja/operators.h"
#include "text/jinja/text.h"

namespace hearth::jinja {

Value Constant::evaluate(Interpreter&) const {
  return value_;
}

Value Name::evaluate(Interpreter& interpreter) const {
  return interpreter.lookup(name_);
}

Value SequenceLiteral::evaluate(Interpreter& interpreter) const {
  interpreter.charge(items_.size() * kElementWeight);
  std::vector<Value> items;
  items.reserve(items_.size());
  for (const auto& item : items_) items.push_back(interpreter.evaluate(*item));
  return Value::sequence(kind_, std::move(items));
}

Value DictLiteral::evaluate(Interpreter& interpreter) const {
  interpreter.charge(items_.size() * 2 * kElementWeight);
  Dict dict;
  for (const auto& [key, value] : items_) {
    Value evaluated_key = interpreter.evaluate(*key);
    interpreter.charge(evaluated_key.weight());
    dict.set(std::move(evaluated_key), interpreter.evaluate(*value));
  }
  return Value::dict(std::move(dict));
}

Value Arithmetic::evaluate(Interpreter& interpreter) const {
  Value result = interpreter.evaluate(*first_);
  for (const auto& [op, operand] : steps_) {
    result = arithmetic(interpreter, op, result, interpreter.evaluate(*operand));
  }
  return result;
}

Value Concatenation::evaluate(Interpreter& interpreter) const {
  std::vector<Value> values;
  bool markup = false;  // where HTML is written, a part that is some makes the whole of it
  for (const auto& part : parts_) {
    values.push_back(interpreter.evaluate(*part));
    markup = markup || (interpreter.autoescape() && values.back().is_markup());
  }
  std::string text;
  for (const Value& value : values) {
    const std::string piece = interpreter.text(value);
    text += markup && !value.is_markup() ? escape_html(piece) : piece;
    if (text.size() > kTextBytesMax) fail_limit(fmt::format("a string is longer than {} bytes", kTextBytesMax));
  }
  return Value(std::move(text), markup);
}

Value Logical::evaluate(Interpreter& interpreter) const {
  Value result;
  for (const auto& part : parts_) {
    result = interpreter.evaluate(*part);
    if (truth(result) != is_and_) break;
  }
  return result;
}

Value Unary::evaluate(Interpreter& interpreter) const {
  Value operand = interpreter.evaluate(*operand_);
  switch (operator_) {
    case UnaryOperator::kNot:
      return Value(!truth(operand));
    case UnaryOperator::kNegate:
      return negated(operand);
    case UnaryOperator::kPlus:
      break;
  }
  if (const auto integer = operand.as_integer()) return Value(*integer);
  if (operand.kind() == Value::Kind::kFloat) return operand;
  if (operand.is_undefined()) fail(operand.hint());
  fail(fmt::format("bad operand type for unary +: '{}'", operand.type_name()));
}

Value Comparison::evaluate(Interpreter& interpreter) const {
  Value left = interpreter.evaluate(*first_);
  for (const auto& [relation, operand] : steps_) {
    Value right = interpreter.evaluate(*operand);
    if (!relate(interpreter, relation, left, right)) return Value(false);
    left = std::move(right);
  }
  return Value(true);
}

Value Conditional::evaluate(Interpreter& interpreter) const {
  if (truth(interpreter.evaluate(*condition_))) return interpreter.evaluate(*then_);
  if (else_) return interpreter.evaluate(*else_);
  return Value::undefined("an inline if was false and has no else");
}

Value Attribute::evaluate(Interpreter& interpreter) const {
  return interpreter.attribute(interpreter.evaluate(*object_), name_);
}

Value Subscript::evaluate(Interpreter& interpreter) const {
  const Value object = interpreter.evaluate(*object_);
  return interpreter.subscript(object, interpreter.evaluate(*key_));
}

Value Slice::evaluate(Interpreter& interpreter) const {
  const auto bound = [&](const ExpressionPtr& expression) {
    return expression ? interpreter.evaluate(*expression) : Value();
  };
  const Value object = interpreter.evaluate(*object_);
  const Value start = bound(start_);
  const Value stop = bound(stop_);
  return slice(interpreter, object, start, stop, bound(step_));
}

Arguments ArgumentList::evaluate(Interpreter& interpreter) const {
  Arguments arguments;
  for (const auto& expression : positional) arguments.positional.push_back(interpreter.evaluate(*expression));
  for (const auto& [name, expression] : named) arguments.named.emplace_back(name, interpreter.evaluate(*expression));
  if (star) {
    for (Value& item : interpreter.iterate(interpreter.evaluate(*star))) {
      arguments.positional.push_back(std::move(item));
    }
  }
  if (star_star) {
    const Value mapping = interpreter.evaluate(*star_star);
    if (!mapping.is_dict()) fail(fmt::format("argument after ** must be a mapping, not {}", mapping.type_name()));
    interpreter.charge(mapping.weight());
    for (const auto& [key, value] : mapping.dict().entries()) {
      if (!key.is_string()) fail("keywords must be strings");
      arguments.named.emplace_back(key.bytes(), value);
    }
  }
  return arguments;
}

Value Call::evaluate(Interpreter& interpreter) const {
  const Value callee = interpreter.evaluate(*callee_);
  return interpreter.call(callee, arguments_.evaluate(interpreter));
}

Value Call::evaluate_with(Interpreter& interpreter, const Value& caller) const {
  const Value callee = interpreter.evaluate(*callee_);
  Arguments arguments = arguments_.evaluate(interpreter);
  arguments.named.emplace_back("caller", caller);
  return interpreter.call(callee, arguments);
}

Value FilterExpression::apply(Interpreter& interpreter, const Value& subject) const {
  if (filter_ == nullptr) fail(fmt::format("there is no filter named '{}'", name_));
  return filter_(interpreter, subject, arguments_.evaluate(interpreter));
}

Value FilterExpression::evaluate(Interpreter& interpreter) const {
  return apply(interpreter, interpreter.evaluate(*subject_));
}

Value FilterExpression::apply_to_block(Interpreter& interpreter, const Value& text) const {
  const auto* inner = dynamic_cast<const FilterExpression*>(subject_.get());
  return apply(interpreter, inner != nullptr ? inner->apply_to_block(interpreter, text) : text);
}

Value TestExpression::evaluate(Interpreter& interpreter) const {
  const Value subject = interpreter.evaluate(*subject_);
  if (test_ == nullptr) fail(fmt::format("there is no test named '{}'", name_));
  return Value(test_(interpreter, subject, arguments_.evaluate(interpreter)));
}

}  // namespace hearth::jinja
