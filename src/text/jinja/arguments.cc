// Binding of arguments to parameters.
#include "text/jinja/arguments.h"

#include <fmt/format.h>

#include <algorithm>

#include "text/jinja/error.h"

namespace hearth::jinja {

BoundArguments::BoundArguments(std::string_view function, const Arguments& arguments,
                               std::initializer_list<std::string_view> parameters, std::size_t required)
    : function_(function), values_(parameters.size(), nullptr) {
  if (arguments.positional.size() > parameters.size()) {
    fail(fmt::format("{}() takes at most {} arguments ({} given)", function, parameters.size(),
                     arguments.positional.size()));
  }
  for (std::size_t i = 0; i < arguments.positional.size(); ++i) values_[i] = &arguments.positional[i];
  for (const auto& [name, value] : arguments.named) {
    const auto* found = std::find(parameters.begin(), parameters.end(), name);
    if (found == parameters.end() || name.empty()) {
      fail(fmt::format("{}() got an unexpected keyword argument '{}'", function, name));
    }
    const Value*& slot = values_[static_cast<std::size_t>(found - parameters.begin())];
    if (slot != nullptr) fail(fmt::format("{}() got multiple values for argument '{}'", function, name));
    slot = &value;
  }
  for (std::size_t i = 0; i < required; ++i) {
    if (values_[i] == nullptr) {
      const std::string_view name = parameters.begin()[i];
      fail(fmt::format("{}() misses its argument {}{}", function, i + 1,
                       name.empty() ? "" : fmt::format(" ({})", name)));
    }
  }
}

const Value* BoundArguments::given(std::size_t index) const {
  const Value* value = values_[index];
  return value != nullptr && value->is_none() ? nullptr : value;
}

Value BoundArguments::value_or(std::size_t index, Value fallback) const {
  return values_[index] != nullptr ? *values_[index] : std::move(fallback);
}

std::int64_t BoundArguments::integer_or(std::size_t index, std::int64_t fallback) const {
  const Value* value = values_[index];
  if (value == nullptr) return fallback;
  const auto integer = value->as_integer();
  if (!integer) fail(fmt::format("{}() expects an integer, not {}", function_, value->type_name()));
  return *integer;
}

const std::string& BoundArguments::text(std::size_t index) const {
  const Value& value = *values_[index];
  if (!value.is_string()) {
    if (value.is_undefined()) fail(value.hint());
    fail(fmt::format("{}() expects a string, not {}", function_, value.type_name()));
  }
  return value.bytes();
}

bool BoundArguments::flag_or(std::size_t index, bool fallback) const {
  return values_[index] != nullptr ? truth(*values_[index]) : fallback;
}

void expect_no_arguments(std::string_view function, const Arguments& arguments) {
  const BoundArguments none(function, arguments, {});
}

}  // namespace hearth::jinja
