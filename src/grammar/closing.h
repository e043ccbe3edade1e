// A short way to complete a text that a grammar has begun, for one that may not be much longer.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "grammar/shortest_text.h"

namespace hearth {

// Bytes that lead from the state to where the text can end: none where it can already. What was opened is closed, and
// what must come is as short as is known; nullopt where no way is found within `bytes_max`.
std::optional<std::string> closing_bytes(Recognizer& recognizer, ShortestTexts& shortest, GrammarState state,
                                         std::size_t bytes_max);

}  // namespace hearth
