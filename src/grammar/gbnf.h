// GBNF, llama.cpp's notation for grammars.
#pragma once

#include <memory>
#include <string_view>

#include "grammar/grammar.h"

namespace hearth {

// The texts that the rule `root` matches. Throws InvalidInput with the line of what is no GBNF.
std::shared_ptr<const Grammar> compile_gbnf(std::string_view text);

}  // namespace hearth
