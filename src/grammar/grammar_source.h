// A grammar as it was asked for: which notation, and the text. It can be written down and compiled again.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "grammar/grammar.h"

namespace hearth {

struct GrammarSource {
  enum class Kind {
    kJsonObject,  // no text: any JSON object
    kSchema,      // a JSON Schema
    kRegex,       // a regular expression for the whole text
    kChoices,     // a JSON array of texts, one of which is the answer
    kGbnf,
    kLark,
    kCalls,   // call_grammar.h's CallGrammar
    kAnswer,  // and AnswerGrammar
  };
  Kind kind = Kind::kJsonObject;
  std::string text;
};

// "json_object", "json_schema", "regex", "choice", "gbnf", "lark", "tool_calls", "answer".
std::string_view kind_name(GrammarSource::Kind kind);
// Throws InvalidInput for an unknown name.
GrammarSource::Kind parse_grammar_kind(std::string_view name);

// Throws InvalidInput for what is ill-formed or allows no text at all, and Unsupported, with the part and its place,
// for what cannot be enforced.
std::shared_ptr<const Grammar> compile_grammar(const GrammarSource& source);

}  // namespace hearth
