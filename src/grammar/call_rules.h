// The parts of which grammars of calls are made: marks, white space, names, JSON.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "grammar/rules.h"

namespace hearth {

class CallParts {
 public:
  explicit CallParts(Expressions& expressions) : expressions_(expressions) {}

  Expressions& expressions() { return expressions_; }
  RulePart literal(std::string_view text) { return regular_part(expressions_.literal(text)); }
  // A mark, in plain text or with special tokens in it. Between two tags, models write white space as they like.
  Expression mark_language(std::string_view text);
  RulePart mark(std::string_view text) { return regular_part(mark_language(text)); }
  // A little white space, or none.
  RulePart space();
  // `text` with white space around it.
  RulePart spaced(std::string_view text);
  RulePart pattern(std::string_view regex);
  // Texts without special tokens in which none of the marks stands.
  Expression text_without(const std::vector<std::string_view>& marks);

 private:
  Expressions& expressions_;
};

}  // namespace hearth
