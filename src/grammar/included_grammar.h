// A grammar as a part of another one: its tables behind the other's, with every index moved.
#pragma once

#include "grammar/grammar.h"

namespace hearth {

// Where a grammar begins: one of the two, the other is Grammar::kNone.
struct GrammarRoot {
  std::uint32_t value = Grammar::kNone;
  std::uint32_t place = Grammar::kNone;
};

GrammarRoot include(const Grammar& part, Grammar& whole);

}  // namespace hearth
