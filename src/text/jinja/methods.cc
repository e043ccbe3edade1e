// Which methods each type has, and those of lists, tuples, dicts, ranges and the helper objects.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "text/jinja/arguments.h"
#include "text/jinja/error.h"
#include "text/jinja/html_text.h"
#include "text/jinja/methods.h"
#include "text/jinja/objects.h"
#include "text/jinja/operators.h"
#include "text/jinja/text.h"

namespace hearth::jinja {
namespace {

const std::vector<Value>& items_of(const Value& self) {
  return self.is_sequence() ? self.items() : *self.object()->indexed();
}

Value sequence_index(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("index", arguments, {"", "", ""}, 1);
  const std::vector<Value>& items = items_of(self);
  const Value start(bound.integer_or(1, 0));
  const SliceRange range = slice_range(items.size(), start, bound.value_or(2, Value()), Value());
  for (std::size_t i = 0; i < range.count; ++i) {
    const std::size_t position = static_cast<std::size_t>(range.start) + i;
    if (interpreter.equal(items[position], *bound[0])) return count_value(position);
  }
  fail("the value is not in the sequence");
}

Value sequence_count(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("count", arguments, {""}, 1);
  std::size_t count = 0;
  for (const Value& item : items_of(self)) count += interpreter.equal(item, *bound[0]) ? 1 : 0;
  return count_value(count);
}

// Nothing can change a list or a dict, so a copy may as well be the same.
Value copy_self(Interpreter&, const Value& self, const Arguments& arguments) {
  expect_no_arguments("copy", arguments);
  return self;
}

Value dict_get(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("get", arguments, {"", ""}, 1);
  interpreter.charge(bound[0]->weight());
  if (!hash(*bound[0])) fail(fmt::format("unhashable type: '{}'", bound[0]->type_name()));
  const Value* value = self.dict().find(*bound[0]);
  return value != nullptr ? *value : bound.value_or(1, Value());
}

Value dict_view(Interpreter& interpreter, const Value& self, const Arguments& arguments, View::Kind kind) {
  expect_no_arguments("the view of a dict", arguments);
  const auto& entries = self.dict().entries();
  interpreter.charge(entries.size() * 3 * kElementWeight);
  std::vector<Value> items;
  items.reserve(entries.size());
  for (const auto& [key, value] : entries) {
    if (kind == View::Kind::kItems) {
      items.push_back(Value::tuple({key, value}));
    } else {
      items.push_back(kind == View::Kind::kKeys ? key : value);
    }
  }
  return Value(std::make_shared<View>(kind, std::move(items)));
}

Value dict_keys(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  return dict_view(interpreter, self, arguments, View::Kind::kKeys);
}

Value dict_values(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  return dict_view(interpreter, self, arguments, View::Kind::kValues);
}

Value dict_items(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  return dict_view(interpreter, self, arguments, View::Kind::kItems);
}

Value dict_fromkeys(Interpreter& interpreter, const Value&, const Arguments& arguments) {
  const BoundArguments bound("fromkeys", arguments, {"", ""}, 1);
  Dict dict;
  for (Value& key : interpreter.iterate(*bound[0])) dict.set(std::move(key), bound.value_or(1, Value()));
  return Value::dict(std::move(dict));
}

Value loop_cycle(Interpreter&, const Value& self, const Arguments& arguments) {
  if (arguments.positional.empty()) fail("no items for cycling given");
  const auto index = static_cast<std::size_t>(self.object_as<LoopObject>()->index0());
  return arguments.positional[index % arguments.positional.size()];
}

Value loop_changed(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const auto loop = self.object_as<LoopObject>();
  return Value(loop->changed(interpreter, loop, Value::tuple(arguments.positional)));
}

Value cycler_next(Interpreter&, const Value& self, const Arguments& arguments) {
  expect_no_arguments("next", arguments);
  return self.object_as<Cycler>()->step();
}

Value cycler_reset(Interpreter&, const Value& self, const Arguments& arguments) {
  expect_no_arguments("reset", arguments);
  self.object_as<Cycler>()->reset();
  return Value();
}

Value markup_unescape(Interpreter&, const Value& self, const Arguments& arguments) {
  expect_no_arguments("unescape", arguments);
  return Value(unescape_html(self.bytes()));
}

Value markup_striptags(Interpreter&, const Value& self, const Arguments& arguments) {
  expect_no_arguments("striptags", arguments);
  return Value(strip_tags(self.bytes()));
}

Value number_bit_length(Interpreter&, const Value& self, const Arguments& arguments) {
  expect_no_arguments("bit_length", arguments);
  const std::int64_t number = *self.as_integer();
  const std::uint64_t bits = static_cast<std::uint64_t>(number);
  return count_value(static_cast<std::size_t>(std::bit_width(number < 0 ? std::uint64_t{0} - bits : bits)));
}

Value number_is_integer(Interpreter&, const Value& self, const Arguments& arguments) {
  expect_no_arguments("is_integer", arguments);
  return Value(std::isfinite(self.number()) && std::floor(self.number()) == self.number());
}

Value number_conjugate(Interpreter&, const Value& self, const Arguments& arguments) {
  expect_no_arguments("conjugate", arguments);
  return self.as_integer() ? Value(*self.as_integer()) : self;
}

// A null function: the method exists and the sandbox refuses it, as it would change the object.
constexpr Method kListMethods[] = {
    {"index", sequence_index}, {"count", sequence_count}, {"copy", copy_self},  {"append", nullptr},
    {"clear", nullptr},        {"pop", nullptr},          {"reverse", nullptr}, {"insert", nullptr},
    {"sort", nullptr},         {"extend", nullptr},       {"remove", nullptr},
};

constexpr Method kTupleMethods[] = {{"index", sequence_index}, {"count", sequence_count}};

constexpr Method kDictMethods[] = {
    {"get", dict_get},    {"keys", dict_keys},         {"values", dict_values}, {"items", dict_items},
    {"copy", copy_self},  {"fromkeys", dict_fromkeys}, {"clear", nullptr},      {"pop", nullptr},
    {"popitem", nullptr}, {"setdefault", nullptr},     {"update", nullptr},
};

constexpr Method kMarkupMethods[] = {{"unescape", markup_unescape, true}, {"striptags", markup_striptags, true}};
constexpr Method kIntegerMethods[] = {{"bit_length", number_bit_length}, {"conjugate", number_conjugate}};
constexpr Method kFloatMethods[] = {{"is_integer", number_is_integer}, {"conjugate", number_conjugate}};

constexpr Method kLoopMethods[] = {{"cycle", loop_cycle}, {"changed", loop_changed}};

constexpr Method kCyclerMethods[] = {{"next", cycler_next}, {"reset", cycler_reset}};

std::span<const Method> methods_of(const Value& object) {
  switch (object.kind()) {
    case Value::Kind::kString:
      return string_methods();
    case Value::Kind::kBoolean:
    case Value::Kind::kInteger:
      return kIntegerMethods;
    case Value::Kind::kFloat:
      return kFloatMethods;
    case Value::Kind::kList:
      return kListMethods;
    case Value::Kind::kTuple:
      return kTupleMethods;
    case Value::Kind::kDict:
      return kDictMethods;
    case Value::Kind::kObject:
      if (object.object()->indexed() != nullptr) return kTupleMethods;
      if (object.object_as<LoopObject>()) return kLoopMethods;
      if (object.object_as<Cycler>()) return kCyclerMethods;
      return {};
    default:
      return {};
  }
}

}  // namespace

const Method* find_method(const Value& object, std::string_view name) {
  const std::span<const Method> own =
      object.is_markup() ? std::span<const Method>(kMarkupMethods) : std::span<const Method>();
  for (const std::span<const Method> methods : {own, methods_of(object)}) {
    const auto found = std::find_if(methods.begin(), methods.end(), [&](const Method& m) { return m.name == name; });
    if (found != methods.end()) return &*found;
  }
  return nullptr;
}

std::optional<Value> number_attribute(const Value& number, std::string_view name) {
  const auto integer = number.as_integer();
  const Value zero = integer ? Value(std::int64_t{0}) : Value(0.0);
  if (name == "real") return integer ? Value(*integer) : number;
  if (name == "imag") return zero;
  if (integer && name == "numerator") return Value(*integer);
  if (integer && name == "denominator") return Value(std::int64_t{1});
  return std::nullopt;
}

}  // namespace hearth::jinja
