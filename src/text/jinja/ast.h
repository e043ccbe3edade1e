// A parsed template: a tree of statements and expressions, each of which knows how to carry itself out. The tree is
// immutable after parsing, so several renderings may share it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "text/jinja/value.h"

namespace hearth::jinja {

class Interpreter;

// A variable's name, as an index into Program::names.
using NameId = std::uint32_t;
// The names that Jinja itself binds have fixed places.
inline constexpr NameId kLoopName = 0;
inline constexpr NameId kCallerName = 1;
inline constexpr NameId kVarargsName = 2;
inline constexpr NameId kKwargsName = 3;
inline constexpr std::string_view kFixedNames[] = {"loop", "caller", "varargs", "kwargs"};

class Expression {
 public:
  explicit Expression(int line) : line_(line) {}
  virtual ~Expression() = default;
  // Called through Interpreter::evaluate, which watches depth and cost.
  virtual Value evaluate(Interpreter& interpreter) const = 0;
  int line() const { return line_; }

 private:
  int line_;
};
using ExpressionPtr = std::unique_ptr<Expression>;

enum class Flow { kNext, kBreak, kContinue };

class Statement {
 public:
  explicit Statement(int line) : line_(line) {}
  virtual ~Statement() = default;
  // Called through Interpreter::execute.
  virtual Flow execute(Interpreter& interpreter) const = 0;
  int line() const { return line_; }

 private:
  int line_;
};
using Body = std::vector<std::unique_ptr<Statement>>;

struct Program {
  std::vector<std::string> names;
  Body body;
};

using Filter = Value (*)(Interpreter&, const Value& subject, const Arguments&);
using Test = bool (*)(Interpreter&, const Value& subject, const Arguments&);
Filter find_filter(std::string_view name);  // null if there is none
Test find_test(std::string_view name);

// --- expressions ---

class Constant : public Expression {
 public:
  Constant(int line, Value value) : Expression(line), value_(std::move(value)) {}
  Value evaluate(Interpreter& interpreter) const override;

 private:
  Value value_;
};

class Name : public Expression {
 public:
  Name(int line, NameId name) : Expression(line), name_(name) {}
  Value evaluate(Interpreter& interpreter) const override;
  NameId name() const { return name_; }

 private:
  NameId name_;
};

class SequenceLiteral : public Expression {
 public:
  SequenceLiteral(int line, Sequence::Kind kind, std::vector<ExpressionPtr> items)
      : Expression(line), kind_(kind), items_(std::move(items)) {}
  Value evaluate(Interpreter& interpreter) const override;
  Sequence::Kind kind() const { return kind_; }
  std::vector<ExpressionPtr>& items() { return items_; }

 private:
  Sequence::Kind kind_;
  std::vector<ExpressionPtr> items_;
};

class DictLiteral : public Expression {
 public:
  using Item = std::pair<ExpressionPtr, ExpressionPtr>;
  DictLiteral(int line, std::vector<Item> items) : Expression(line), items_(std::move(items)) {}
  Value evaluate(Interpreter& interpreter) const override;

 private:
  std::vector<Item> items_;
};

enum class BinaryOperator { kAdd, kSubtract, kMultiply, kDivide, kFloorDivide, kModulo, kPower };

// A chain of operators of one precedence, worked off from the left. (Flat, so that a long sum is not a deep tree.)
class Arithmetic : public Expression {
 public:
  using Step = std::pair<BinaryOperator, ExpressionPtr>;
  Arithmetic(int line, ExpressionPtr first, std::vector<Step> steps)
      : Expression(line), first_(std::move(first)), steps_(std::move(steps)) {}
  Value evaluate(Interpreter& interpreter) const override;

 private:
  ExpressionPtr first_;
  std::vector<Step> steps_;
};

class Concatenation : public Expression {  // a ~ b ~ c
 public:
  Concatenation(int line, std::vector<ExpressionPtr> parts) : Expression(line), parts_(std::move(parts)) {}
  Value evaluate(Interpreter& interpreter) const override;

 private:
  std::vector<ExpressionPtr> parts_;
};

class Logical : public Expression {  // a and b and c, or the same with `or`
 public:
  Logical(int line, bool is_and, std::vector<ExpressionPtr> parts)
      : Expression(line), is_and_(is_and), parts_(std::move(parts)) {}
  Value evaluate(Interpreter& interpreter) const override;

 private:
  bool is_and_;
  std::vector<ExpressionPtr> parts_;
};

enum class UnaryOperator { kNot, kNegate, kPlus };

class Unary : public Expression {
 public:
  Unary(int line, UnaryOperator op, ExpressionPtr operand)
      : Expression(line), operator_(op), operand_(std::move(operand)) {}
  Value evaluate(Interpreter& interpreter) const override;

 private:
  UnaryOperator operator_;
  ExpressionPtr operand_;
};

enum class Relation { kEqual, kUnequal, kLess, kLessOrEqual, kGreater, kGreaterOrEqual, kIn, kNotIn };

class Comparison : public Expression {  // a < b <= c: every relation must hold
 public:
  using Step = std::pair<Relation, ExpressionPtr>;
  Comparison(int line, ExpressionPtr first, std::vector<Step> steps)
      : Expression(line), first_(std::move(first)), steps_(std::move(steps)) {}
  Value evaluate(Interpreter& interpreter) const override;

 private:
  ExpressionPtr first_;
  std::vector<Step> steps_;
};

class Conditional : public Expression {  // a if condition else b
 public:
  Conditional(int line, ExpressionPtr condition, ExpressionPtr then, ExpressionPtr otherwise)
      : Expression(line), condition_(std::move(condition)), then_(std::move(then)), else_(std::move(otherwise)) {}
  Value evaluate(Interpreter& interpreter) const override;

 private:
  ExpressionPtr condition_, then_, else_;  // else_ may be null
};

class Attribute : public Expression {  // a.name
 public:
  Attribute(int line, ExpressionPtr object, std::string name)
      : Expression(line), object_(std::move(object)), name_(std::move(name)) {}
  Value evaluate(Interpreter& interpreter) const override;

 private:
  ExpressionPtr object_;
  std::string name_;
};

class Subscript : public Expression {  // a[key]
 public:
  Subscript(int line, ExpressionPtr object, ExpressionPtr key)
      : Expression(line), object_(std::move(object)), key_(std::move(key)) {}
  Value evaluate(Interpreter& interpreter) const override;

 private:
  ExpressionPtr object_, key_;
};

class Slice : public Expression {  // a[start:stop:step], each of which may be null
 public:
  Slice(int line, ExpressionPtr object, ExpressionPtr start, ExpressionPtr stop, ExpressionPtr step)
      : Expression(line),
        object_(std::move(object)),
        start_(std::move(start)),
        stop_(std::move(stop)),
        step_(std::move(step)) {}
  Value evaluate(Interpreter& interpreter) const override;

 private:
  ExpressionPtr object_, start_, stop_, step_;
};

struct ArgumentList {
  std::vector<ExpressionPtr> positional;
  std::vector<std::pair<std::string, ExpressionPtr>> named;
  ExpressionPtr star, star_star;  // may be null

  Arguments evaluate(Interpreter& interpreter) const;
};

class Call : public Expression {
 public:
  Call(int line, ExpressionPtr callee, ArgumentList arguments)
      : Expression(line), callee_(std::move(callee)), arguments_(std::move(arguments)) {}
  Value evaluate(Interpreter& interpreter) const override;
  // The same with one more named argument, `caller`, unless that is none.
  Value evaluate_with(Interpreter& interpreter, const Value& caller) const;

 private:
  ExpressionPtr callee_;
  ArgumentList arguments_;
};

class FilterExpression : public Expression {  // subject|name(arguments)
 public:
  // A null filter fails when it is reached. A null subject stands for the text of a filter block.
  FilterExpression(int line, ExpressionPtr subject, std::string name, ArgumentList arguments)
      : Expression(line),
        subject_(std::move(subject)),
        name_(std::move(name)),
        filter_(find_filter(name_)),
        arguments_(std::move(arguments)) {}
  Value evaluate(Interpreter& interpreter) const override;
  // Applies this filter, after those it is chained to, to a block's text.
  Value apply_to_block(Interpreter& interpreter, const Value& text) const;

 private:
  Value apply(Interpreter& interpreter, const Value& subject) const;

  ExpressionPtr subject_;
  std::string name_;
  Filter filter_;
  ArgumentList arguments_;
};

class TestExpression : public Expression {  // subject is name(arguments)
 public:
  TestExpression(int line, ExpressionPtr subject, std::string name, ArgumentList arguments)
      : Expression(line),
        subject_(std::move(subject)),
        name_(std::move(name)),
        test_(find_test(name_)),
        arguments_(std::move(arguments)) {}
  Value evaluate(Interpreter& interpreter) const override;

 private:
  ExpressionPtr subject_;
  std::string name_;
  Test test_;
  ArgumentList arguments_;
};

// --- statements ---

// What a value is assigned to: a name, an attribute of a namespace, or a tuple of targets.
struct Target {
  int line = 0;
  NameId name = 0;
  std::string attribute;      // not empty: `name.attribute`
  std::vector<Target> parts;  // with is_tuple
  bool is_tuple = false;
};

class Output : public Statement {
 public:
  Output(int line, ExpressionPtr expression) : Statement(line), expression_(std::move(expression)) {}
  Flow execute(Interpreter& interpreter) const override;

 private:
  ExpressionPtr expression_;
};

class Literal : public Statement {
 public:
  Literal(int line, std::string text) : Statement(line), text_(std::move(text)) {}
  Flow execute(Interpreter& interpreter) const override;

 private:
  std::string text_;
};

class If : public Statement {
 public:
  using Branch = std::pair<ExpressionPtr, Body>;
  If(int line, std::vector<Branch> branches, Body otherwise)
      : Statement(line), branches_(std::move(branches)), else_(std::move(otherwise)) {}
  Flow execute(Interpreter& interpreter) const override;

 private:
  std::vector<Branch> branches_;
  Body else_;
};

class For : public Statement {
 public:
  struct Parts {
    Target target;
    ExpressionPtr iterable;
    ExpressionPtr filter;  // may be null
    bool recursive = false;
    Body body, otherwise;
  };
  For(int line, Parts parts) : Statement(line), parts_(std::move(parts)) {}
  Flow execute(Interpreter& interpreter) const override;
  // One run over `iterable`, at the given depth of recursion, while the scope that the loop stands in is current.
  Flow run(Interpreter& interpreter, const Value& iterable, std::size_t recursion) const;
  // Whether the filter lets the item through, in the same scope.
  bool admits(Interpreter& interpreter, const Value& item) const;
  bool recursive() const { return parts_.recursive; }

 private:
  Parts parts_;
};

class Set : public Statement {
 public:
  Set(int line, Target target, ExpressionPtr value)
      : Statement(line), target_(std::move(target)), value_(std::move(value)) {}
  Flow execute(Interpreter& interpreter) const override;

 private:
  Target target_;
  ExpressionPtr value_;
};

class SetBlock : public Statement {
 public:
  SetBlock(int line, Target target, std::unique_ptr<FilterExpression> filter, Body body)
      : Statement(line), target_(std::move(target)), filter_(std::move(filter)), body_(std::move(body)) {}
  Flow execute(Interpreter& interpreter) const override;

 private:
  Target target_;
  std::unique_ptr<FilterExpression> filter_;  // may be null
  Body body_;
};

// What a macro and the body of a call block have in common.
struct MacroDefinition {
  std::string name;
  std::vector<std::pair<NameId, std::string>> parameters;
  std::vector<ExpressionPtr> defaults;  // of the last parameters
  bool uses_caller = false, uses_varargs = false, uses_kwargs = false;
  Body body;
};

class MacroStatement : public Statement {
 public:
  MacroStatement(int line, NameId name, MacroDefinition definition)
      : Statement(line), name_(name), definition_(std::move(definition)) {}
  Flow execute(Interpreter& interpreter) const override;

 private:
  NameId name_;
  MacroDefinition definition_;
};

class CallBlock : public Statement {
 public:
  CallBlock(int line, std::unique_ptr<Call> call, MacroDefinition caller)
      : Statement(line), call_(std::move(call)), caller_(std::move(caller)) {}
  Flow execute(Interpreter& interpreter) const override;

 private:
  std::unique_ptr<Call> call_;
  MacroDefinition caller_;
};

class FilterBlock : public Statement {
 public:
  FilterBlock(int line, std::unique_ptr<FilterExpression> filter, Body body)
      : Statement(line), filter_(std::move(filter)), body_(std::move(body)) {}
  Flow execute(Interpreter& interpreter) const override;

 private:
  std::unique_ptr<FilterExpression> filter_;
  Body body_;
};

// A body with variables of its own: `with`, `block`, `generation`.
class ScopedBody : public Statement {
 public:
  using Binding = std::pair<Target, ExpressionPtr>;
  ScopedBody(int line, std::vector<Binding> bindings, Body body, bool from_root)
      : Statement(line), bindings_(std::move(bindings)), body_(std::move(body)), from_root_(from_root) {}
  Flow execute(Interpreter& interpreter) const override;

 private:
  std::vector<Binding> bindings_;
  Body body_;
  bool from_root_;  // sees the template's own variables alone, not those of the loops around it
};

class Autoescape : public Statement {
 public:
  Autoescape(int line, ExpressionPtr condition, Body body)
      : Statement(line), condition_(std::move(condition)), body_(std::move(body)) {}
  Flow execute(Interpreter& interpreter) const override;

 private:
  ExpressionPtr condition_;
  Body body_;
};

class Jump : public Statement {  // break, continue
 public:
  Jump(int line, Flow flow) : Statement(line), flow_(flow) {}
  Flow execute(Interpreter&) const override { return flow_; }

 private:
  Flow flow_;
};

class OtherTemplate : public Statement {  // include, import, extends: there is no other template
 public:
  OtherTemplate(int line, std::string tag) : Statement(line), tag_(std::move(tag)) {}
  Flow execute(Interpreter& interpreter) const override;

 private:
  std::string tag_;
};

}  // namespace hearth::jinja
