// What the readers of grammars in text have in common: a place in the text, and rules by their names.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/escape.h"
#include "grammar/rules.h"

namespace hearth {

class GrammarText {
 protected:
  GrammarText(Expressions& expressions, std::string_view text) : expressions_(expressions), text_(text) {}

  [[noreturn]] void invalid(const std::string& what) const {
    const auto end = text_.begin() + static_cast<std::ptrdiff_t>(std::min(at_, text_.size()));
    throw InvalidInput("grammar, line " + std::to_string(1 + std::count(text_.begin(), end, '\n')) + ": " + what);
  }

  bool skip_if(std::string_view expected) {
    if (!text_.substr(at_).starts_with(expected)) return false;
    at_ += expected.size();
    return true;
  }

  std::uint32_t rule_number(const std::string& name) {
    const auto [found, is_new] = numbers_.try_emplace(name, static_cast<std::uint32_t>(rules_.size()));
    if (is_new) {
      rules_.push_back({name, {}});
      defined_.push_back(false);
    }
    return found->second;
  }

  // Its body follows.
  std::uint32_t define(const std::string& name) {
    const std::uint32_t rule = rule_number(name);
    if (defined_[rule]) invalid("rule " + quote_name(name) + " is defined twice");
    defined_[rule] = true;
    return rule;
  }

  // The number of the rule that all begins with; every rule must have been defined.
  std::uint32_t root_named(const std::string& name) const {
    for (std::size_t rule = 0; rule < rules_.size(); ++rule) {
      if (!defined_[rule]) throw InvalidInput("grammar rule " + quote_name(rules_[rule].name) + " is not defined");
    }
    const auto found = numbers_.find(name);
    if (found == numbers_.end()) throw InvalidInput("the grammar has no rule named '" + name + "'");
    return found->second;
  }

  Expressions& expressions_;
  std::string_view text_;
  std::size_t at_ = 0;
  std::vector<Rule> rules_;

 private:
  std::vector<bool> defined_;
  std::map<std::string, std::uint32_t> numbers_;
};

}  // namespace hearth
