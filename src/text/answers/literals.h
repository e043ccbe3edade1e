// Values as programs write them: Python's ('a', True, None, {'k': 1}), JSON's, and those of syntaxes that put a special
// token around texts.
#pragma once

#include <string>
#include <string_view>

#include "text/answers/reading.h"

namespace hearth {

// One value, given on as JSON as it comes; false where it is none, or ends too early. `quote`: what stands around
// texts; empty: ' or ". A word that is no value is a text.
struct LiteralPlace {
  bool is_argument = false;  // of f(key=value, …): another key or the end follows
  bool is_text = false;      // a word is a text, whatever it looks like
};
bool read_literal(Reader& in, std::string_view quote, const JsonSink& sink, LiteralPlace place = {});
// A whole text as JSON: a list, a dict, True, False, None or a number in Python's spelling; else empty.
std::string json_of_literal(std::string_view text);

}  // namespace hearth
