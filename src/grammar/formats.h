// The texts of JSON Schema's `format`s, as far as they are regular. Two rare spellings are left out: a leap second in
// a time zone other than UTC, and a host name in Punycode, whose validity takes tables.
#pragma once

#include <optional>
#include <string_view>

#include "grammar/expressions.h"

namespace hearth {

enum class FormatKind { kUnknown, kRegular, kIrregular };

// kUnknown: a name that JSON Schema does not define, and that says nothing; kIrregular: one that is no regular
// language, or that needs tables which are not here.
FormatKind format_kind(std::string_view name);
// Of a regular format.
std::uint32_t format_length_max(std::string_view name);  // characters
Expression format_language(Expressions& expressions, std::string_view name);

}  // namespace hearth
