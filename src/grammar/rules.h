// Context-free grammars as rules whose parts are regular languages, references to rules, and JSON values. What of them
// is regular becomes one automaton; the rest is followed with a stack (recognizer.h).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "grammar/expressions.h"
#include "grammar/grammar.h"

namespace hearth {

struct RulePart {
  enum class Kind { kRegular, kSequence, kChoice, kRepetition, kRule, kGrammar, kAnyOrder };
  Kind kind = Kind::kRegular;
  Expression language = kEmptyText;
  std::uint32_t rule = 0;
  std::uint32_t min = 0, max = 0;
  std::vector<RulePart> parts;
  std::shared_ptr<const Grammar> grammar;
};

RulePart regular_part(Expression language);
RulePart rule_part(std::uint32_t rule);
RulePart sequence_of(std::vector<RulePart> parts);
RulePart choice_of(std::vector<RulePart> parts);
RulePart repetition_of(RulePart part, std::uint32_t min, std::uint32_t max);
RulePart optional_part(RulePart part);
// A whole grammar, from its beginning to an end of it.
RulePart grammar_part(std::shared_ptr<const Grammar> grammar);
// Repetitions, each of one or any number of its part (none of which is empty), in any order and mixed; `separator`
// stands between two of them.
RulePart any_order_of(std::vector<RulePart> repetitions, Expression separator = kEmptyText);

struct Rule {
  std::string name;
  RulePart body;
};

// Throws Unsupported for a rule that can begin with itself, but for one of whose alternatives it is the first part, and
// for what needs too many states.
std::shared_ptr<const Grammar> compile_rules(Expressions& expressions, std::vector<Rule> rules, std::uint32_t root);

// The rule's texts as one language; nullopt where they are no regular one.
std::optional<Expression> regular_language(Expressions& expressions, std::vector<Rule> rules, std::uint32_t root);

// One text as a regular expression has it whole (regex_parser.h), or one of several.
std::shared_ptr<const Grammar> compile_regex(std::string_view pattern);
std::shared_ptr<const Grammar> compile_choices(const std::vector<std::string>& choices);

}  // namespace hearth
