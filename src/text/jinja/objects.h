// The values that are more than data: functions, methods, macros, namespaces, loops, and Python's iterators and views.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/jinja/ast.h"
#include "text/jinja/error.h"
#include "text/jinja/interpreter.h"
#include "text/jinja/value.h"

namespace hearth::jinja {

using Function = Value (*)(Interpreter&, const Arguments&);
using MethodFunction = Value (*)(Interpreter&, const Value& self, const Arguments&);

struct Method {
  std::string_view name;
  MethodFunction function;  // null: it would change the object, which the sandbox refuses
  bool is_plain = false;    // of markup: makes text that is none
};
const Method* find_method(const Value& object, std::string_view name);  // null if its type has none of that name
Function find_global(std::string_view name);                            // null if there is none

class GlobalFunction : public Object {
 public:
  GlobalFunction(std::string name, Function function) : name_(std::move(name)), function_(function) {}
  std::string type_name() const override { return "function"; }
  std::string repr() const override { return "<function " + name_ + ">"; }
  bool callable() const override { return true; }
  Value call(Interpreter& interpreter, const Arguments& arguments) override {
    return function_(interpreter, arguments);
  }

 private:
  std::string name_;
  Function function_;
};

class BoundMethod : public Object {
 public:
  BoundMethod(Value self, const Method& method) : self_(std::move(self)), method_(method) {}
  std::string type_name() const override { return "builtin_function_or_method"; }
  std::string repr() const override {
    return "<built-in method " + std::string(method_.name) + " of " + self_.type_name() + " object>";
  }
  std::size_t depth() const override { return self_.depth() + 1; }
  std::size_t weight() const override { return self_.weight() + kElementWeight; }
  bool callable() const override { return true; }
  Value call(Interpreter& interpreter, const Arguments& arguments) override;

 private:
  Arguments escaped_for_markup(Interpreter& interpreter, const Arguments& arguments) const;
  Value as_markup(const Value& result) const;

  Value self_;
  const Method& method_;
};

class Namespace : public Object, public Collectable {
 public:
  std::string type_name() const override { return "Namespace"; }
  std::optional<Value> attribute(Interpreter& interpreter, std::string_view name) override;
  void set(Interpreter& interpreter, std::string_view name, Value value);
  void clear() override { attributes_.clear(); }

 private:
  std::vector<std::pair<std::string, Value>> attributes_;
};

class Macro : public Object {
 public:
  Macro(const MacroDefinition& definition, std::shared_ptr<Scope> scope, bool autoescape)
      : definition_(definition), scope_(std::move(scope)), autoescape_(autoescape) {}
  std::string type_name() const override { return "Macro"; }
  std::string repr() const override { return "<Macro '" + definition_.name + "'>"; }
  bool callable() const override { return true; }
  Value call(Interpreter& interpreter, const Arguments& arguments) override;
  std::optional<Value> attribute(Interpreter& interpreter, std::string_view name) override;

 private:
  // Each argument to its parameter, what is left to varargs and kwargs.
  void bind(Interpreter& interpreter, const Arguments& arguments) const;
  void bind_rest(Interpreter& interpreter, const Arguments& arguments, std::vector<bool> named_used) const;

  const MacroDefinition& definition_;
  std::shared_ptr<Scope> scope_;  // where it was defined; the interpreter keeps it
  bool autoescape_;               // there
};

// What map, select and other lazy filters return: items that can be taken once. They are computed at once, but an error
// on the way shows, as in Python, only when the items before it were taken.
class Generator : public Object {
 public:
  // `produce` appends to the vector that it is given.
  template <typename Produce>
  static Value from(Produce&& produce) {
    std::vector<Value> items;
    std::optional<TemplateError> error;
    try {
      std::forward<Produce>(produce)(items);
    } catch (const TemplateError& caught) {
      if (caught.kind() == TemplateError::Kind::kLimit) throw;
      error = caught;
    }
    return Value(std::make_shared<Generator>(std::move(items), std::move(error)));
  }
  explicit Generator(std::vector<Value> items, std::optional<TemplateError> error = std::nullopt)
      : items_(Value::list(std::move(items))), error_(std::move(error)) {}
  std::string type_name() const override { return "generator"; }
  std::size_t depth() const override { return items_.depth(); }
  std::size_t weight() const override { return items_.weight(); }
  bool iterable() const override { return true; }
  std::optional<std::vector<Value>> take_items() override;
  std::optional<Value> take_first();  // nullopt if exhausted

 private:
  Value items_;
  std::optional<TemplateError> error_;
  std::size_t next_ = 0;
};

// dict.keys(), .values(), .items(), and range: sized, iterable any number of times, printed under their own name.
class View : public Object {
 public:
  enum class Kind { kKeys, kValues, kItems, kRange };
  View(Kind kind, std::vector<Value> items, std::string repr = {})
      : kind_(kind), items_(Value::list(std::move(items))), repr_(std::move(repr)) {}
  std::string type_name() const override;
  std::string repr() const override;
  std::size_t depth() const override { return items_.depth(); }
  std::size_t weight() const override { return items_.weight(); }
  bool iterable() const override { return true; }
  std::optional<std::vector<Value>> take_items() override { return items_.items(); }
  std::optional<std::size_t> length() const override { return items_.items().size(); }
  const std::vector<Value>* indexed() const override { return kind_ == Kind::kRange ? &items_.items() : nullptr; }

 private:
  Kind kind_;
  Value items_;
  std::string repr_;  // kRange
};

class Cycler : public Object {
 public:
  explicit Cycler(std::vector<Value> items) : items_(Value::list(std::move(items))) {}
  std::string type_name() const override { return "Cycler"; }
  std::size_t depth() const override { return items_.depth(); }
  std::size_t weight() const override { return items_.weight(); }
  std::optional<Value> attribute(Interpreter& interpreter, std::string_view name) override;
  Value step();  // the current item, then on to the next
  void reset() { position_ = 0; }

 private:
  Value items_;
  std::size_t position_ = 0;
};

class Joiner : public Object {
 public:
  explicit Joiner(Value separator) : separator_(std::move(separator)) {}
  std::string type_name() const override { return "Joiner"; }
  bool callable() const override { return true; }
  Value call(Interpreter& interpreter, const Arguments& arguments) override;
  std::size_t depth() const override { return separator_.depth() + 1; }
  std::size_t weight() const override { return separator_.weight() + kElementWeight; }

 private:
  Value separator_;
  bool used_ = false;
};

// The `loop` of a for statement. It looks at its filter no earlier than it must: the body may change what it tests.
class LoopObject : public Object, public Collectable {
 public:
  LoopObject(const For& statement, std::vector<Value> items, bool filtered, std::size_t recursion,
             std::shared_ptr<Scope> scope)
      : statement_(statement),
        items_(Value::list(std::move(items))),
        filtered_(filtered),
        recursion_(recursion),
        scope_(std::move(scope)) {}

  // Moves on to the next item; false if there is none.
  bool advance(Interpreter& interpreter);
  const Value& current() const { return current_; }

  std::string type_name() const override { return "LoopContext"; }
  std::string repr() const override { return "<LoopContext>"; }
  std::size_t depth() const override { return items_.depth() + 1; }
  std::size_t weight() const override { return items_.weight(); }
  std::optional<Value> attribute(Interpreter& interpreter, std::string_view name) override;
  bool callable() const override { return true; }
  Value call(Interpreter& interpreter, const Arguments& arguments) override;  // a recursive loop's next level
  bool iterable() const override { return true; }
  std::optional<std::vector<Value>> take_items() override { return std::vector<Value>(); }
  void clear() override { last_changed_.reset(); }

  std::int64_t index0() const { return index0_; }
  std::int64_t count_items(Interpreter& interpreter);  // looks ahead through all of a filtered loop's
  std::size_t recursion() const { return recursion_; }
  const Value* peek(Interpreter& interpreter);  // null after the last
  const std::optional<Value>& previous() const { return previous_; }
  bool changed(Interpreter& interpreter, const std::shared_ptr<LoopObject>& self, Value values);

 private:
  const For& statement_;
  Value items_;
  bool filtered_;
  std::size_t recursion_;
  std::shared_ptr<Scope> scope_;  // around the loop, if it filters or recurses; the interpreter keeps it
  std::size_t next_ = 0;          // the first item that was not looked at
  std::vector<Value> ready_;      // looked at and let through, not yet reached
  std::size_t ready_begin_ = 0;
  std::int64_t index0_ = -1;
  Value current_;
  std::optional<Value> previous_;
  std::optional<Value> last_changed_;

  bool look_ahead(Interpreter& interpreter);  // one more item into ready_
};

}  // namespace hearth::jinja
