// Macros, loops and the other objects with behaviour of their own.
#include "text/jinja/objects.h"

#include <fmt/format.h>

#include <algorithm>

#include "text/jinja/arguments.h"
#include "text/jinja/error.h"
#include "text/jinja/operators.h"
#include "text/jinja/text.h"

namespace hearth::jinja {

Value BoundMethod::call(Interpreter& interpreter, const Arguments& arguments) {
  interpreter.charge(self_.is_string() ? self_.bytes().size() * kScanCost : kStepCost);
  for (const Value& argument : arguments.positional) {
    if (argument.is_string()) interpreter.charge(argument.bytes().size() * 2 * kScanCost);
  }
  if (!self_.is_markup()) return method_.function(interpreter, self_, arguments);
  return as_markup(method_.function(interpreter, self_, escaped_for_markup(interpreter, arguments)));
}

// What markup is joined with, filled up with or has in place of a part is escaped.
Arguments BoundMethod::escaped_for_markup(Interpreter& interpreter, const Arguments& arguments) const {
  const std::string_view name = method_.name;
  const bool fills = name == "center" || name == "ljust" || name == "rjust";
  Arguments result = arguments;
  const auto escape = [&](const Value& value) {
    return value.is_markup() ? value : Value(escape_html(interpreter.text(value)), true);
  };
  if ((name == "replace" || fills) && result.positional.size() > 1 && result.positional[1].is_string()) {
    result.positional[1] = escape(result.positional[1]);
  }
  if (name == "join" && result.positional.size() == 1) {
    std::vector<Value> items = interpreter.iterate(result.positional[0]);
    for (Value& item : items) item = escape(item);
    result.positional[0] = Value::list(std::move(items));
  }
  return result;
}

Value BoundMethod::as_markup(const Value& result) const {
  if (method_.is_plain) return result;
  if (result.is_string()) return Value(result.bytes(), true);
  if (!result.is_sequence()) return result;
  std::vector<Value> items;
  for (const Value& item : result.items()) items.push_back(as_markup(item));
  return Value::sequence(result.sequence().kind, std::move(items));
}

std::optional<Value> Namespace::attribute(Interpreter& interpreter, std::string_view name) {
  interpreter.charge(attributes_.size());
  for (const auto& [key, value] : attributes_) {
    if (key == name) return value;
  }
  return std::nullopt;
}

void Namespace::set(Interpreter& interpreter, std::string_view name, Value value) {
  interpreter.charge(attributes_.size());
  for (auto& [key, current] : attributes_) {
    if (key == name) {
      current = std::move(value);
      return;
    }
  }
  attributes_.emplace_back(name, std::move(value));
}

// --- macros ---

Value Macro::call(Interpreter& interpreter, const Arguments& arguments) {
  const Value text = interpreter.in_scope(scope_, [&] {
    bind(interpreter, arguments);
    return interpreter.capture(
        [&] { interpreter.with_autoescape(autoescape_, [&] { interpreter.execute(definition_.body); }); });
  });
  return interpreter.autoescape() ? Value(text.bytes(), true) : text;
}

void Macro::bind(Interpreter& interpreter, const Arguments& arguments) const {
  const auto& parameters = definition_.parameters;
  std::vector<bool> named_used(arguments.named.size(), false);
  const std::size_t first_default = parameters.size() - definition_.defaults.size();
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const auto& [id, name] = parameters[i];
    std::optional<Value> value;
    if (i < arguments.positional.size()) value = arguments.positional[i];
    for (std::size_t k = 0; k < arguments.named.size() && !value; ++k) {
      if (arguments.named[k].first != name) continue;
      value = arguments.named[k].second;
      named_used[k] = true;
    }
    if (!value && i >= first_default) value = interpreter.evaluate(*definition_.defaults[i - first_default]);
    if (!value) value = Value::undefined(fmt::format("parameter {} was not provided", quoted(name)));
    interpreter.scope()->set(id, std::move(*value));
  }
  bind_rest(interpreter, arguments, std::move(named_used));
}

void Macro::bind_rest(Interpreter& interpreter, const Arguments& arguments, std::vector<bool> named_used) const {
  const auto& parameters = definition_.parameters;
  const bool has_caller = std::any_of(parameters.begin(), parameters.end(),
                                      [](const auto& parameter) { return parameter.first == kCallerName; });
  if (definition_.uses_caller && !has_caller) {
    Value caller = Value::undefined("No caller defined");
    for (std::size_t k = 0; k < arguments.named.size(); ++k) {
      if (arguments.named[k].first != kFixedNames[kCallerName]) continue;
      caller = arguments.named[k].second;
      named_used[k] = true;
    }
    interpreter.scope()->set(kCallerName, std::move(caller));
  }
  Dict rest;
  for (std::size_t k = 0; k < arguments.named.size(); ++k) {
    if (named_used[k]) continue;
    const auto& [name, value] = arguments.named[k];
    if (!definition_.uses_kwargs) {
      fail(fmt::format("macro {} takes no keyword argument {}", quoted(definition_.name), quoted(name)));
    }
    rest.set(Value(name), value);
  }
  if (definition_.uses_kwargs) interpreter.scope()->set(kKwargsName, Value::dict(std::move(rest)));
  const std::size_t taken = std::min(parameters.size(), arguments.positional.size());
  if (definition_.uses_varargs) {
    interpreter.scope()->set(
        kVarargsName, Value::tuple(std::vector<Value>(arguments.positional.begin() + static_cast<std::ptrdiff_t>(taken),
                                                      arguments.positional.end())));
  } else if (arguments.positional.size() > taken) {
    fail(fmt::format("macro {} takes not more than {} argument(s)", quoted(definition_.name), parameters.size()));
  }
}

std::optional<Value> Macro::attribute(Interpreter&, std::string_view name) {
  if (name == "name") return Value(definition_.name);
  if (name == "catch_kwargs") return Value(definition_.uses_kwargs);
  if (name == "catch_varargs") return Value(definition_.uses_varargs);
  if (name == "caller") return Value(definition_.uses_caller);
  if (name != "arguments") return std::nullopt;
  std::vector<Value> names;
  for (const auto& parameter : definition_.parameters) names.emplace_back(parameter.second);
  return Value::tuple(std::move(names));
}

// --- iterators and helpers ---

std::optional<std::vector<Value>> Generator::take_items() {
  const std::vector<Value>& items = items_.items();
  std::vector<Value> rest(items.begin() + static_cast<std::ptrdiff_t>(next_), items.end());
  next_ = items.size();
  if (error_) throw *error_;
  return rest;
}

std::optional<Value> Generator::take_first() {
  if (next_ >= items_.items().size()) {
    if (error_) throw *error_;
    return std::nullopt;
  }
  return items_.items()[next_++];
}

std::string View::type_name() const {
  switch (kind_) {
    case Kind::kKeys:
      return "dict_keys";
    case Kind::kValues:
      return "dict_values";
    case Kind::kItems:
      return "dict_items";
    case Kind::kRange:
      break;
  }
  return "range";
}

std::string View::repr() const {
  return kind_ == Kind::kRange ? repr_ : fmt::format("{}({})", type_name(), to_repr(items_));
}

Value Cycler::step() {
  Value item = items_.items()[position_];
  position_ = (position_ + 1) % items_.items().size();
  return item;
}

std::optional<Value> Cycler::attribute(Interpreter&, std::string_view name) {
  if (name == "current") return items_.items()[position_];
  if (name == "items") return items_;
  return std::nullopt;
}

Value Joiner::call(Interpreter&, const Arguments& arguments) {
  expect_no_arguments("joiner", arguments);
  return std::exchange(used_, true) ? separator_ : Value("");
}

// --- loops ---

bool LoopObject::look_ahead(Interpreter& interpreter) {
  const std::vector<Value>& items = items_.items();
  while (next_ < items.size()) {
    const Value& item = items[next_++];
    if (!filtered_ || interpreter.with_scope(scope_, [&] { return statement_.admits(interpreter, item); })) {
      ready_.push_back(item);
      return true;
    }
  }
  return false;
}

const Value* LoopObject::peek(Interpreter& interpreter) {
  if (ready_begin_ == ready_.size() && !look_ahead(interpreter)) return nullptr;
  return &ready_[ready_begin_];
}

bool LoopObject::advance(Interpreter& interpreter) {
  const Value* next = peek(interpreter);
  if (next == nullptr) return false;
  if (index0_ >= 0) previous_ = current_;
  current_ = *next;
  ++index0_;
  if (++ready_begin_ == ready_.size()) {
    ready_.clear();
    ready_begin_ = 0;
  }
  return true;
}

std::int64_t LoopObject::count_items(Interpreter& interpreter) {
  if (!filtered_) return static_cast<std::int64_t>(items_.items().size());
  while (look_ahead(interpreter)) {
  }
  return index0_ + 1 + static_cast<std::int64_t>(ready_.size() - ready_begin_);
}

bool LoopObject::changed(Interpreter& interpreter, const std::shared_ptr<LoopObject>& self, Value values) {
  if (last_changed_ && interpreter.equal(*last_changed_, values)) return false;
  if (!last_changed_) interpreter.keep(self);
  last_changed_ = std::move(values);
  return true;
}

std::optional<Value> LoopObject::attribute(Interpreter& interpreter, std::string_view name) {
  using Property = Value (*)(LoopObject&, Interpreter&);
  static constexpr std::pair<std::string_view, Property> kProperties[] = {
      {"index", [](LoopObject& loop, Interpreter&) { return Value(loop.index0_ + 1); }},
      {"index0", [](LoopObject& loop, Interpreter&) { return Value(loop.index0_); }},
      {"first", [](LoopObject& loop, Interpreter&) { return Value(loop.index0_ == 0); }},
      {"last", [](LoopObject& loop, Interpreter& i) { return Value(loop.peek(i) == nullptr); }},
      {"length", [](LoopObject& loop, Interpreter& i) { return Value(loop.count_items(i)); }},
      {"revindex", [](LoopObject& loop, Interpreter& i) { return Value(loop.count_items(i) - loop.index0_); }},
      {"revindex0", [](LoopObject& loop, Interpreter& i) { return Value(loop.count_items(i) - loop.index0_ - 1); }},
      {"depth", [](LoopObject& loop, Interpreter&) { return count_value(loop.recursion_ + 1); }},
      {"depth0", [](LoopObject& loop, Interpreter&) { return count_value(loop.recursion_); }},
      {"previtem",
       [](LoopObject& loop, Interpreter&) {
         return loop.previous_ ? *loop.previous_ : Value::undefined("there is no previous item");
       }},
      {"nextitem",
       [](LoopObject& loop, Interpreter& i) {
         const Value* next = loop.peek(i);
         return next != nullptr ? *next : Value::undefined("there is no next item");
       }},
  };
  for (const auto& [property, function] : kProperties) {
    if (property == name) return function(*this, interpreter);
  }
  return std::nullopt;
}

Value LoopObject::call(Interpreter& interpreter, const Arguments& arguments) {
  const BoundArguments bound("loop", arguments, {"iterable"}, 1);
  if (!statement_.recursive()) fail("The loop must have the 'recursive' marker to be called recursively.");
  return interpreter.with_scope(
      scope_, [&] { return interpreter.capture([&] { statement_.run(interpreter, *bound[0], recursion_ + 1); }); });
}

}  // namespace hearth::jinja
