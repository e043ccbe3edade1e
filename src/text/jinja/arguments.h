// Matches a call's arguments to a function's parameters, and converts them.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "text/jinja/value.h"

namespace hearth::jinja {

class BoundArguments {
 public:
  // A parameter with an empty name can be given by position only. Fails if an argument has no parameter, if a parameter
  // is given twice, or if one of the first `required` is missing. `arguments` must outlive this.
  BoundArguments(std::string_view function, const Arguments& arguments,
                 std::initializer_list<std::string_view> parameters, std::size_t required = 0);

  // Null if it was not given.
  const Value* operator[](std::size_t index) const { return values_[index]; }
  // The same, with none counting as not given.
  const Value* given(std::size_t index) const;
  Value value_or(std::size_t index, Value fallback) const;
  // Fail if the argument is of another type.
  std::int64_t integer_or(std::size_t index, std::int64_t fallback) const;
  const std::string& text(std::size_t index) const;  // of a required argument
  bool flag_or(std::size_t index, bool fallback) const;

 private:
  std::string_view function_;
  std::vector<const Value*> values_;
};

// Fails if there are any.
void expect_no_arguments(std::string_view function, const Arguments& arguments);

// A count as a value.
inline Value count_value(std::size_t count) {
  return Value(static_cast<std::int64_t>(count));
}

}  // namespace hearth::jinja
