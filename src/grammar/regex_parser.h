// Regular expressions as JSON Schema's `pattern` has them: ECMA-262's, with the flag u, as languages.
#pragma once

#include <string_view>

#include "grammar/expressions.h"

namespace hearth {

enum class RegexScope {
  kSearch,  // a match may stand anywhere in the text, as `pattern` has it
  kWhole,   // the text is the match
};

// The texts that a pattern matches. Lookahead is enforced where it is not repeated without end. Throws InvalidInput
// for what is no regular expression and Unsupported for back references and lookbehind, with the pattern and place.
Expression parse_regex(Expressions& expressions, std::string_view pattern, RegexScope scope);

}  // namespace hearth
