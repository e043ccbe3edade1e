// From Oniguruma's regular expressions (Ruby syntax) to PCRE2's: the same patterns mean slightly different things.
#pragma once

#include <string>
#include <string_view>

namespace hearth {

// - \s is the property White_Space (PCRE2 adds U+180E), \w is letters, marks, numbers and connectors (PCRE2 lacks
//   marks), \h a hexadecimal digit (PCRE2: a blank), \d a decimal digit;
// - a class may hold classes, and intersections with &&;
// - x{n,m}+ repeats x{n,m} (PCRE2: a possessive quantifier);
// - \uHHHH is a code point.
// Everything else is passed on. Throws Unsupported for a class that PCRE2 cannot express.
std::string pcre2_from_oniguruma(std::string_view pattern);

}  // namespace hearth
