// A short way to complete a text that a grammar has begun, for one that may not be much longer.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <optional>
#include <string>

#include "grammar/shortest_text.h"

namespace hearth {

// The byte that a closing text takes from each state, and where it leads: sequences that follow one grammar close the
// same values.
struct ClosingStep {
  char byte;
  GrammarState next;
};
using ClosingSteps = boost::unordered_flat_map<GrammarState, ClosingStep>;

// Bytes that lead from the state to where the text can end: none where it can already. What was opened is closed, and
// what must come is as short as is known; nullopt where no way is found within `bytes_max`.
// `steps`: those that are known of this recognizer.
std::optional<std::string> closing_bytes(Recognizer& recognizer, ShortestTexts& shortest, ClosingSteps& steps,
                                         GrammarState state, std::size_t bytes_max);

}  // namespace hearth
