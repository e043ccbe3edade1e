// The filter tables, and what filters of several kinds share.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/jinja/ast.h"
#include "text/jinja/interpreter.h"
#include "text/jinja/value.h"

namespace hearth::jinja {

using FilterEntry = std::pair<std::string_view, Filter>;
std::span<const FilterEntry> string_filters();
std::span<const FilterEntry> text_filters();
std::span<const FilterEntry> sequence_filters();
std::span<const FilterEntry> selection_filters();
std::span<const FilterEntry> number_filters();

// "a.b.0" or 0: what `attribute=` of map, sort and others names.
class AttributePath {
 public:
  explicit AttributePath(const Value& path);
  // `fallback`, if not null, replaces what is undefined on the way.
  Value get(Interpreter& interpreter, const Value& item, const Value* fallback = nullptr) const;

 private:
  std::vector<Value> parts_;
};

// A string in lower case, anything else as it is: how sorting and comparing filters see items.
Value case_folded(const Value& value);

}  // namespace hearth::jinja
