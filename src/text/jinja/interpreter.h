// Carries a parsed template out: variables, output, and the limits that keep a hostile template from using up time,
// memory or stack. One Interpreter serves one rendering.
#pragma once

#include <boost/json/object.hpp>
#include <cstddef>
#include <ctime>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "text/jinja/ast.h"
#include "text/jinja/value.h"

namespace hearth::jinja {

// The local time that strftime_now formats.
using Clock = std::function<std::tm()>;

// Work is counted in bytes made and elements stored; a step of the tree costs a few bytes' worth. The budget lets a
// template make 128 MiB of text, or take some four million steps: a second at most, and far past any conversation.
inline constexpr std::size_t kWorkMax = std::size_t{1} << 27;
inline constexpr std::size_t kStepCost = 32;
// Looking at each character costs more than copying it.
inline constexpr std::size_t kScanCost = 8;
// Recursion of the tree walk, macros and recursive loops included.
inline constexpr std::size_t kCallDepthMax = 600;
inline constexpr std::size_t kOutputBytesMax = kTextBytesMax;

// What may take part in a cycle of references (a namespace that holds itself, a macro in its own scope). The
// interpreter keeps all of these and empties them at its end, one by one.
class Collectable {
 public:
  virtual ~Collectable() = default;
  virtual void clear() = 0;
};

class Scope : public Collectable {
 public:
  explicit Scope(std::shared_ptr<Scope> parent) : parent_(std::move(parent)) {}
  const Value* find(NameId name) const;  // here or further out; null if nowhere
  void set(NameId name, Value value);
  void clear() override {
    variables_.clear();
    index_.clear();
  }

 private:
  std::size_t locate(NameId name) const;  // variables_.size() if it is not here

  std::shared_ptr<Scope> parent_;
  std::vector<std::pair<NameId, Value>> variables_;
  std::unordered_map<NameId, std::size_t> index_;  // kept once there are many
};

class Interpreter {
 public:
  Interpreter(const Program& program, const boost::json::object& context, Clock clock);
  ~Interpreter();
  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;

  std::string run();  // throws TemplateError with its line

  // --- for the nodes of the tree ---
  Value evaluate(const Expression& expression);
  Flow execute(const Body& body);
  Value lookup(NameId name) const;
  void assign(const Target& target, const Value& value);
  void write(std::string_view text);
  // What `action` writes, as text instead of output.
  template <typename Action>
  Value capture(Action&& action) {
    std::string text;
    std::string* outer = std::exchange(output_, &text);
    std::forward<Action>(action)();
    output_ = outer;
    return Value(std::move(text));
  }
  // Runs `action` with a new scope inside `parent`.
  template <typename Action>
  decltype(auto) in_scope(std::shared_ptr<Scope> parent, Action&& action) {
    const ScopeChange change(*this, std::make_shared<Scope>(std::move(parent)));
    return std::forward<Action>(action)();
  }
  // Runs `action` with that scope itself current.
  template <typename Action>
  decltype(auto) with_scope(std::shared_ptr<Scope> scope, Action&& action) {
    const ScopeChange change(*this, std::move(scope));
    return std::forward<Action>(action)();
  }
  const std::shared_ptr<Scope>& scope() const { return scope_; }
  const std::shared_ptr<Scope>& root_scope() const { return root_scope_; }
  void keep(std::shared_ptr<Collectable> object);

  // --- for nodes, filters, tests and methods ---
  // Throws TemplateError(kLimit) once the budget is used up.
  void charge(std::size_t work);
  // a.name and a[key] as Jinja looks them up: undefined if there is no such thing, an error only on undefined itself.
  Value attribute(const Value& object, std::string_view name);
  Value subscript(const Value& object, const Value& key);
  // Only what a.name finds without falling back to items.
  std::optional<Value> own_attribute(const Value& object, std::string_view name);
  Value call(const Value& callee, const Arguments& arguments);
  // The items that a `for` over the value sees. Fails if it cannot be iterated.
  std::vector<Value> iterate(const Value& value);
  bool equal(const Value& left, const Value& right);
  std::string text(const Value& value);  // str(value)
  const Clock& clock() const { return clock_; }
  // Whether what is written is HTML, and text in it escaped: inside {% autoescape true %}.
  bool autoescape() const { return autoescape_; }
  template <typename Action>
  decltype(auto) with_autoescape(bool on, Action&& action) {
    const AutoescapeChange change(*this, on);
    return std::forward<Action>(action)();
  }
  // What `action` writes, as a block or a macro hands it on.
  template <typename Action>
  Value capture_block(Action&& action) {
    return Value(capture(std::forward<Action>(action)).bytes(), autoescape_);
  }

 private:
  class AutoescapeChange {
   public:
    AutoescapeChange(Interpreter& interpreter, bool on)
        : interpreter_(interpreter), outer_(std::exchange(interpreter.autoescape_, on)) {}
    ~AutoescapeChange() { interpreter_.autoescape_ = outer_; }
    AutoescapeChange(const AutoescapeChange&) = delete;
    AutoescapeChange& operator=(const AutoescapeChange&) = delete;

   private:
    Interpreter& interpreter_;
    bool outer_;
  };

  class ScopeChange {
   public:
    ScopeChange(Interpreter& interpreter, std::shared_ptr<Scope> scope)
        : interpreter_(interpreter), outer_(std::exchange(interpreter.scope_, std::move(scope))) {}
    ~ScopeChange() { interpreter_.scope_ = std::move(outer_); }
    ScopeChange(const ScopeChange&) = delete;
    ScopeChange& operator=(const ScopeChange&) = delete;

   private:
    Interpreter& interpreter_;
    std::shared_ptr<Scope> outer_;
  };

  void enter();
  Value sequence_item(const Value& object, const Value& key);
  void assign_tuple(const Target& target, const Value& value);
  void assign_attribute(const Target& target, const Value& value);

  const Program& program_;
  Clock clock_;
  std::shared_ptr<Scope> root_scope_;
  std::shared_ptr<Scope> scope_;
  std::vector<std::shared_ptr<Collectable>> kept_;
  std::string result_;
  std::string* output_ = &result_;
  std::size_t work_ = 0;
  std::size_t depth_ = 0;
  int line_ = 1;
  bool autoescape_ = false;
};

// "'list object' has no attribute 'x'" and its like.
std::string missing_attribute(const Value& object, std::string_view name);
std::string missing_element(const Value& object, const Value& key);

}  // namespace hearth::jinja
