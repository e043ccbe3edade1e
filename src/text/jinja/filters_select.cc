// Filters that apply another filter or a test to every item: map, select, reject and their attribute forms.
#include <fmt/format.h>

#include <functional>

#include "text/jinja/error.h"
#include "text/jinja/filters.h"
#include "text/jinja/objects.h"

namespace hearth::jinja {
namespace {

const std::string& name_argument(const Value& value) {
  if (!value.is_string()) fail(fmt::format("a filter or test is named by a string, not {}", value.type_name()));
  return value.bytes();
}

// All arguments but the first `count` positional ones.
Arguments without_first(const Arguments& arguments, std::size_t count) {
  Arguments rest = arguments;
  rest.positional.erase(rest.positional.begin(), rest.positional.begin() + static_cast<std::ptrdiff_t>(count));
  return rest;
}

using Mapping = std::function<Value(const Value&)>;

Mapping attribute_mapping(Interpreter& interpreter, const Arguments& arguments) {
  const Value* path = nullptr;
  const Value* fallback = nullptr;
  for (const auto& [name, value] : arguments.named) {
    if (name == "attribute") {
      path = &value;
    } else if (name == "default") {
      fallback = value.is_none() ? nullptr : &value;
    } else {
      fail(fmt::format("Unexpected keyword argument '{}'", name));
    }
  }
  if (path == nullptr) fail("map requires a filter argument");
  return [&interpreter, attribute = AttributePath(*path), fallback](const Value& item) {
    return attribute.get(interpreter, item, fallback);
  };
}

Mapping filter_mapping(Interpreter& interpreter, const Arguments& arguments) {
  const std::string& name = name_argument(arguments.positional[0]);
  const Filter filter = find_filter(name);
  if (filter == nullptr) fail(fmt::format("there is no filter named '{}'", name));
  return [&interpreter, filter, rest = without_first(arguments, 1)](const Value& item) {
    return filter(interpreter, item, rest);
  };
}

Value filter_map(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  return Generator::from([&](std::vector<Value>& mapped) {
    if (!truth(subject)) return;
    const Mapping mapping = arguments.positional.empty() ? attribute_mapping(interpreter, arguments)
                                                         : filter_mapping(interpreter, arguments);
    for (const Value& item : interpreter.iterate(subject)) {
      interpreter.charge(kElementWeight);
      mapped.push_back(mapping(item));
    }
  });
}

// Keeps the items for which the test (or, without one, their truth) is `wanted`. With `by_attribute` the first argument
// names what of each item is tested.
void select_into(std::vector<Value>& kept, Interpreter& interpreter, const Value& subject, const Arguments& arguments,
                 bool by_attribute, bool wanted) {
  if (!truth(subject)) return;
  std::optional<AttributePath> path;
  if (by_attribute) {
    if (arguments.positional.empty()) fail("Missing parameter for attribute name");
    path.emplace(arguments.positional[0]);
  }
  const std::size_t test_index = by_attribute ? 1 : 0;
  Test test = nullptr;
  Arguments rest;
  if (arguments.positional.size() > test_index) {
    const std::string& name = name_argument(arguments.positional[test_index]);
    test = find_test(name);
    if (test == nullptr) fail(fmt::format("there is no test named '{}'", name));
    rest = without_first(arguments, test_index + 1);
  }
  for (const Value& item : interpreter.iterate(subject)) {
    interpreter.charge(kElementWeight);
    const Value tested = path ? path->get(interpreter, item) : item;
    const bool passes = test != nullptr ? test(interpreter, tested, rest) : truth(tested);
    if (passes == wanted) kept.push_back(item);
  }
}

Value selected(Interpreter& interpreter, const Value& subject, const Arguments& arguments, bool by_attribute,
               bool wanted) {
  return Generator::from(
      [&](std::vector<Value>& kept) { select_into(kept, interpreter, subject, arguments, by_attribute, wanted); });
}

Value filter_select(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  return selected(interpreter, subject, arguments, false, true);
}

Value filter_reject(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  return selected(interpreter, subject, arguments, false, false);
}

Value filter_selectattr(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  return selected(interpreter, subject, arguments, true, true);
}

Value filter_rejectattr(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  return selected(interpreter, subject, arguments, true, false);
}

constexpr FilterEntry kFilters[] = {
    {"map", filter_map},
    {"select", filter_select},
    {"reject", filter_reject},
    {"selectattr", filter_selectattr},
    {"rejectattr", filter_rejectattr},
};

}  // namespace

std::span<const FilterEntry> selection_filters() {
  return kFilters;
}

}  // namespace hearth::jinja
