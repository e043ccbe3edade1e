// From Oniguruma's regular expressions (its own syntax, which Hugging Face's tokenizers use) to PCRE2's over symbols:
// one byte for all characters that no part of the pattern tells apart. So the sets of characters are this project's,
// from the newest Unicode version, and PCRE2 is left with the structure, in its fastest mode.
#pragma once

#include <string>
#include <string_view>

#include "text/unicode/code_point_set.h"

namespace hearth {

struct SymbolPattern {
  std::string pcre2;  // to be compiled without Unicode, with '\n' as the only newline and ^ and $ at every line
  CodePointMap symbols;
};

// Differences that are translated: the shorthands, POSIX classes and properties have Oniguruma's members; classes hold
// classes and intersections; x{n,m}+ repeats x{n,m} and x{n}? is optional; (?m) lets the dot match newlines; an option
// in the middle of a group encloses what follows; \h, \v, \N, \O, \R and \uHHHH. Letters match without regard to case
// by simple folding. Throws Unsupported with the place for what symbols cannot express (back references), and for a
// property that is not known.
SymbolPattern translate_oniguruma(std::string_view pattern);

}  // namespace hearth
