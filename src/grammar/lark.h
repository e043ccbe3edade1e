// Lark's notation for grammars, which custom tools are described in: rules and terminals, regular expressions, ranges,
// repetitions, %import of common terminals, %ignore. Terminals are taken as the languages that they are: where Lark's
// lexer would decide between two of them, both are allowed.
//
// Format: lark-parser.readthedocs.io/en/stable/grammar.html
#pragma once

#include <memory>
#include <string_view>

#include "grammar/expressions.h"
#include "grammar/grammar.h"

namespace hearth {

// The texts that the rule `start` matches. Throws InvalidInput with the line of what is no Lark grammar, and
// Unsupported for what is not known here: templates, %declare, flags of expressions. Priorities say nothing.
std::shared_ptr<const Grammar> compile_lark(std::string_view text);

// The same as one language; throws Unsupported where it is none that is regular.
Expression lark_language(Expressions& expressions, std::string_view text);

}  // namespace hearth
