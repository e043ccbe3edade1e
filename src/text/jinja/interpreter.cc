// Variables, lookups and limits.
#include "text/jinja/interpreter.h"

#include <fmt/format.h>

#include <algorithm>

#include "text/jinja/error.h"
#include "text/jinja/methods.h"
#include "text/jinja/objects.h"
#include "text/jinja/operators.h"
#include "text/jinja/text.h"
#include "text/jinja/unicode.h"

namespace hearth::jinja {
namespace {

// A scope with more variables than this gets an index.
constexpr std::size_t kSmallScope = 16;
// Characters of a name that a message repeats.
constexpr std::size_t kNameShownMax = 100;

std::string described(const Value& object) {
  return object.is_none() ? "None" : object.type_name() + " object";
}

}  // namespace

std::string missing_attribute(const Value& object, std::string_view name) {
  const std::string shown = quoted(name.substr(0, byte_offset(name.substr(0, 4 * kNameShownMax), kNameShownMax)));
  return object.is_none() ? fmt::format("None has no attribute {}", shown)
                          : fmt::format("'{}' has no attribute {}", described(object), shown);
}

std::string missing_element(const Value& object, const Value& key) {
  if (key.is_string()) return missing_attribute(object, key.bytes());
  const std::string shown = key.weight() < 1000 ? to_repr(key) : key.type_name();
  return fmt::format("{} has no element {}", described(object), shown);
}

const Value* Scope::find(NameId name) const {
  for (const Scope* scope = this; scope != nullptr; scope = scope->parent_.get()) {
    const std::size_t position = scope->locate(name);
    if (position < scope->variables_.size()) return &scope->variables_[position].second;
  }
  return nullptr;
}

std::size_t Scope::locate(NameId name) const {
  if (variables_.size() > kSmallScope) {
    const auto found = index_.find(name);
    return found == index_.end() ? variables_.size() : found->second;
  }
  const auto found =
      std::find_if(variables_.begin(), variables_.end(), [&](const auto& variable) { return variable.first == name; });
  return static_cast<std::size_t>(found - variables_.begin());
}

void Scope::set(NameId name, Value value) {
  const std::size_t position = locate(name);
  if (position < variables_.size()) {
    variables_[position].second = std::move(value);
    return;
  }
  variables_.emplace_back(name, std::move(value));
  if (variables_.size() == kSmallScope + 1) {
    for (std::size_t i = 0; i < variables_.size(); ++i) index_.emplace(variables_[i].first, i);
  } else if (variables_.size() > kSmallScope) {
    index_.emplace(name, variables_.size() - 1);
  }
}

Interpreter::Interpreter(const Program& program, const boost::json::object& context, Clock clock)
    : program_(program), clock_(std::move(clock)), root_scope_(std::make_shared<Scope>(nullptr)), scope_(root_scope_) {
  kept_.push_back(root_scope_);
  for (NameId id = 0; id < program.names.size(); ++id) {
    const std::string& name = program.names[id];
    if (const auto* given = context.if_contains(name)) {
      root_scope_->set(id, from_json(*given));
    } else if (const Function function = find_global(name)) {
      root_scope_->set(id, Value(std::make_shared<GlobalFunction>(name, function)));
    }
  }
}

Interpreter::~Interpreter() {
  for (const auto& object : kept_) object->clear();
}

std::string Interpreter::run() {
  try {
    execute(program_.body);
  } catch (const TemplateError& error) {
    if (error.line() > 0) throw;
    throw TemplateError(error.kind(), error.message(), line_);
  }
  return std::move(result_);
}

void Interpreter::enter() {
  charge(kStepCost);
  if (++depth_ > kCallDepthMax) fail_limit("the template recurses too deeply");
}

Value Interpreter::evaluate(const Expression& expression) {
  enter();
  const int outer_line = std::exchange(line_, expression.line());
  Value value = expression.evaluate(*this);
  line_ = outer_line;
  --depth_;
  return value;
}

Flow Interpreter::execute(const Body& body) {
  enter();
  Flow flow = Flow::kNext;
  for (const auto& statement : body) {
    charge(kStepCost);
    line_ = statement->line();
    flow = statement->execute(*this);
    if (flow != Flow::kNext) break;
  }
  --depth_;
  return flow;
}

void Interpreter::charge(std::size_t work) {
  work_ += std::min(work, kWorkMax + 1);
  if (work_ > kWorkMax) fail_limit("the template does too much work");
}

void Interpreter::keep(std::shared_ptr<Collectable> object) {
  charge(kElementWeight);
  kept_.push_back(std::move(object));
}

Value Interpreter::lookup(NameId name) const {
  if (const Value* value = scope_->find(name)) return *value;
  return Value::undefined(fmt::format("'{}' is undefined", program_.names[name]));
}

void Interpreter::write(std::string_view text) {
  charge(text.size());
  if (text.size() > kOutputBytesMax - output_->size()) {
    fail_limit(fmt::format("the text is longer than {} bytes", kOutputBytesMax));
  }
  *output_ += text;
}

void Interpreter::assign(const Target& target, const Value& value) {
  if (target.is_tuple) {
    assign_tuple(target, value);
  } else if (!target.attribute.empty()) {
    assign_attribute(target, value);
  } else {
    scope_->set(target.name, value);
  }
}

void Interpreter::assign_tuple(const Target& target, const Value& value) {
  const std::vector<Value> items = iterate(value);
  if (items.size() != target.parts.size()) {
    fail(fmt::format("{} values to unpack (expected {}, got {})",
                     items.size() < target.parts.size() ? "not enough" : "too many", target.parts.size(),
                     items.size()));
  }
  for (std::size_t i = 0; i < items.size(); ++i) assign(target.parts[i], items[i]);
}

void Interpreter::assign_attribute(const Target& target, const Value& value) {
  const auto object = lookup(target.name).object_as<Namespace>();
  if (!object) fail("cannot assign attribute on non-namespace object");
  charge(kElementWeight);
  object->set(*this, target.attribute, value);
}

std::optional<Value> Interpreter::own_attribute(const Value& object, std::string_view name) {
  if (const Method* method = find_method(object, name)) {
    if (method->function == nullptr) {
      return Value::undefined(
          fmt::format("access to attribute {} of '{}' object is unsafe", quoted(name), object.type_name()));
    }
    return Value(std::make_shared<BoundMethod>(object, *method));
  }
  if (object.is_object()) return object.object()->attribute(*this, name);
  if (object.as_number()) return number_attribute(object, name);
  if (object.is_sequence() && object.sequence().kind == Sequence::Kind::kGroup) {
    if (name == "grouper") return object.items()[0];
    if (name == "list") return object.items()[1];
  }
  return std::nullopt;
}

Value Interpreter::attribute(const Value& object, std::string_view name) {
  if (object.is_undefined()) fail(object.hint());
  if (auto found = own_attribute(object, name)) return *found;
  if (object.is_dict()) {
    if (const Value* item = object.dict().find(name)) return *item;
  }
  return Value::undefined(missing_attribute(object, name));
}

Value Interpreter::sequence_item(const Value& object, const Value& key) {
  const auto index = key.as_integer();
  const std::vector<Value>* items = object.is_sequence() ? &object.items()
                                    : object.is_object() ? object.object()->indexed()
                                                         : nullptr;
  const std::size_t length = object.is_string() ? object.text().length : items != nullptr ? items->size() : 0;
  if (index) {
    const std::int64_t position = *index < 0 ? *index + static_cast<std::int64_t>(length) : *index;
    if (position >= 0 && static_cast<std::size_t>(position) < length) {
      if (items != nullptr) return (*items)[static_cast<std::size_t>(position)];
      charge(object.bytes().size());
      const std::size_t begin = byte_offset(object.bytes(), static_cast<std::size_t>(position));
      std::size_t end = begin;
      decode_at(object.bytes(), end);
      return Value(object.bytes().substr(begin, end - begin), object.is_markup());
    }
  }
  return Value::undefined(missing_element(object, key));
}

Value Interpreter::subscript(const Value& object, const Value& key) {
  if (object.is_undefined()) fail(object.hint());
  if (object.is_dict()) {
    charge(key.weight());
    if (const Value* item = object.dict().find(key)) return *item;
  } else if (!key.is_string()) {
    return sequence_item(object, key);
  }
  if (key.is_string()) {
    if (auto found = own_attribute(object, key.bytes())) return *found;
  }
  return Value::undefined(missing_element(object, key));
}

Value Interpreter::call(const Value& callee, const Arguments& arguments) {
  if (callee.is_undefined()) fail(callee.hint());
  if (!callee.is_object() || !callee.object()->callable()) {
    fail(fmt::format("'{}' object is not callable", callee.type_name()));
  }
  return callee.object()->call(*this, arguments);
}

std::vector<Value> Interpreter::iterate(const Value& value) {
  std::vector<Value> items;
  switch (value.kind()) {
    case Value::Kind::kUndefined:
      return items;
    case Value::Kind::kList:
    case Value::Kind::kTuple:
      items = value.items();
      break;
    case Value::Kind::kDict:
      for (const auto& entry : value.dict().entries()) items.push_back(entry.first);
      break;
    case Value::Kind::kString:
      charge(value.text().length * 2 * kElementWeight);
      for (std::size_t position = 0; position < value.bytes().size();) {
        const std::size_t begin = position;
        decode_at(value.bytes(), position);
        items.emplace_back(value.bytes().substr(begin, position - begin));
      }
      break;
    default: {
      auto taken = value.is_object() ? value.object()->take_items() : std::nullopt;
      if (!taken) fail(fmt::format("'{}' object is not iterable", value.type_name()));
      items = std::move(*taken);
    }
  }
  charge(items.size() * kElementWeight / 2);
  return items;
}

bool Interpreter::equal(const Value& left, const Value& right) {
  charge(std::min(left.weight(), right.weight()));
  return equals(left, right);
}

std::string Interpreter::text(const Value& value) {
  charge(value.is_string() ? value.weight() : value.weight() * kScanCost);
  return to_text(value);
}

}  // namespace hearth::jinja
