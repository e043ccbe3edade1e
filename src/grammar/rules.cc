#include "grammar/rules.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/error.h"
#include "base/escape.h"
#include "grammar/char_dfa.h"
#include "grammar/included_grammar.h"
#include "grammar/regex_parser.h"

namespace hearth {
namespace {

constexpr std::size_t kFoldedStatesMax = 5000;
constexpr std::size_t kPlacesMax = 100000;
constexpr std::size_t kFoldDepthMax = 200;

class RuleCompiler {
 public:
  RuleCompiler(Expressions& expressions, std::vector<Rule> rules)
      : expressions_(expressions), rules_(std::move(rules)) {}

  std::shared_ptr<const Grammar> compile(std::uint32_t root) {
    for (std::uint32_t rule = 0; rule < rules_.size(); ++rule) turn_left_recursion(rule);
    folded_.resize(rules_.size());
    for (std::uint32_t rule = 0; rule < rules_.size(); ++rule) fold_rule(rule);
    for (std::size_t rule = 0; rule < rules_.size(); ++rule) grammar_->places.emplace_back();
    const std::uint32_t end = place();
    grammar_->places[end].may_end = true;
    for (std::uint32_t rule = 0; rule < rules_.size(); ++rule) build(rules_[rule].body, rule, end);
    refuse_left_recursion();
    grammar_->root_place = root;
    return grammar_;
  }

  std::optional<Expression> language(std::uint32_t root) {
    for (std::uint32_t rule = 0; rule < rules_.size(); ++rule) turn_left_recursion(rule);
    folded_.resize(rules_.size());
    return fold_rule(root) ? std::optional(rules_[root].body.language) : std::nullopt;
  }

 private:
  enum class Fold { kUnknown, kOpen, kRecursive, kRegular };

  std::uint32_t place() {
    if (grammar_->places.size() >= kPlacesMax) throw Unsupported("the grammar is too large");
    grammar_->places.emplace_back();
    return static_cast<std::uint32_t>(grammar_->places.size() - 1);
  }

  // a ::= a x | y is the same as a ::= y x*.
  void turn_left_recursion(std::uint32_t rule) {
    RulePart& body = rules_[rule].body;
    std::vector<RulePart> choices;
    if (body.kind == RulePart::Kind::kChoice) {
      choices = body.parts;
    } else {
      choices.push_back(body);
    }
    std::vector<RulePart> first, more;
    for (RulePart& choice : choices) {
      const bool itself = choice.kind == RulePart::Kind::kRule && choice.rule == rule;
      const bool begins = choice.kind == RulePart::Kind::kSequence && !choice.parts.empty() &&
                          choice.parts[0].kind == RulePart::Kind::kRule && choice.parts[0].rule == rule;
      if (itself) continue;  // a ::= a says nothing
      if (begins) {
        choice.parts.erase(choice.parts.begin());
        more.push_back(std::move(choice));
      } else {
        first.push_back(std::move(choice));
      }
    }
    if (more.empty()) return;
    body = sequence_of({choice_of(std::move(first)), repetition_of(choice_of(std::move(more)), 0, kUnbounded)});
  }

  // Whether a rule is regular; then its body is one language.
  bool fold_rule(std::uint32_t rule, std::size_t depth = 0) {
    if (folded_[rule] == Fold::kOpen || depth > kFoldDepthMax) return false;
    if (folded_[rule] != Fold::kUnknown) return folded_[rule] == Fold::kRegular;
    folded_[rule] = Fold::kOpen;
    fold(rules_[rule].body, depth + 1);
    const bool regular = rules_[rule].body.kind == RulePart::Kind::kRegular && is_small(rules_[rule].body.language);
    folded_[rule] = regular ? Fold::kRegular : Fold::kRecursive;
    return regular;
  }

  bool is_small(Expression language) {
    try {
      dfa(language, kFoldedStatesMax);
    } catch (const Unsupported&) {
      return false;
    }
    return true;
  }

  void fold(RulePart& part, std::size_t depth) {
    if (part.kind == RulePart::Kind::kRule) {
      if (fold_rule(part.rule, depth)) part = regular_part(rules_[part.rule].body.language);
      return;
    }
    if (part.kind == RulePart::Kind::kAnyOrder) {
      for (RulePart& each : part.parts) fold(each.parts[0], depth);
      return;
    }
    for (RulePart& each : part.parts) fold(each, depth);
    switch (part.kind) {
      case RulePart::Kind::kSequence:
        part = sequence(std::move(part.parts));
        break;
      case RulePart::Kind::kChoice:
        part = choice(std::move(part.parts));
        break;
      case RulePart::Kind::kRepetition:
        if (part.parts[0].kind == RulePart::Kind::kRegular) {
          part = regular_part(expressions_.repetition(part.parts[0].language, part.min, part.max));
        }
        break;
      case RulePart::Kind::kRegular:
      case RulePart::Kind::kRule:
      case RulePart::Kind::kGrammar:
      case RulePart::Kind::kAnyOrder:  // see above
        break;
    }
  }

  // Neighbours that are regular become one.
  RulePart sequence(std::vector<RulePart> parts) {
    std::vector<RulePart> result;
    for (RulePart& part : parts) {
      const bool regular = part.kind == RulePart::Kind::kRegular;
      if (regular && !result.empty() && result.back().kind == RulePart::Kind::kRegular) {
        result.back().language = expressions_.concatenation(result.back().language, part.language);
      } else {
        result.push_back(std::move(part));
      }
    }
    if (result.empty()) return regular_part(kEmptyText);
    return result.size() == 1 ? std::move(result[0]) : sequence_of(std::move(result));
  }

  RulePart choice(std::vector<RulePart> parts) {
    std::vector<RulePart> result;
    std::vector<Expression> regular;
    for (RulePart& part : parts) {
      if (part.kind == RulePart::Kind::kRegular) {
        regular.push_back(part.language);
      } else {
        result.push_back(std::move(part));
      }
    }
    if (!regular.empty() || result.empty())
      result.push_back(regular_part(expressions_.alternation(std::move(regular))));
    return result.size() == 1 ? std::move(result[0]) : choice_of(std::move(result));
  }

  std::uint32_t dfa(Expression language, std::size_t states_max) {
    const auto known = dfas_.find(language);
    if (known != dfas_.end()) return known->second;
    CharDfa made = make_dfa(expressions_, language, states_max);
    const auto index = made.states() == 0 ? Grammar::kNone : static_cast<std::uint32_t>(grammar_->dfas.size());
    if (index != Grammar::kNone) grammar_->dfas.push_back(std::move(made));
    dfas_[language] = index;
    return index;
  }

  void build(const RulePart& part, std::uint32_t from, std::uint32_t to) {
    switch (part.kind) {
      case RulePart::Kind::kRegular: {
        const std::uint32_t terminal = dfa(part.language, kGrammarStatesMax);
        if (terminal == Grammar::kNone) return;
        grammar_->places[from].calls.push_back({Grammar::kNone, to, terminal, Grammar::kNone});
        return;
      }
      case RulePart::Kind::kRule:
        grammar_->places[from].calls.push_back({part.rule, to, Grammar::kNone, Grammar::kNone});
        return;
      case RulePart::Kind::kChoice:
        for (const RulePart& each : part.parts) build(each, from, to);
        return;
      case RulePart::Kind::kSequence:
        for (std::size_t i = 0; i < part.parts.size(); ++i) {
          const std::uint32_t next = i + 1 < part.parts.size() ? place() : to;
          build(part.parts[i], from, next);
          from = next;
        }
        return;
      case RulePart::Kind::kRepetition:
        build_repetition(part, from, to);
        return;
      case RulePart::Kind::kGrammar:
        build_grammar(part, from, to);
        return;
      case RulePart::Kind::kAnyOrder:
        build_any_order(part, from, to);
        return;
    }
  }

  void build_grammar(const RulePart& part, std::uint32_t from, std::uint32_t to) {
    const auto [found, is_new] = included_.try_emplace(part.grammar.get());
    if (is_new) found->second = include(*part.grammar, *grammar_);
    Grammar::Place::Call call{Grammar::kNone, to};
    call.rule = found->second.place;
    call.value = found->second.value;
    grammar_->places[from].calls.push_back(call);
  }

  void build_any_order(const RulePart& part, std::uint32_t from, std::uint32_t to) {
    Grammar::AnyOrder made;
    const auto rule_of = [&](const RulePart& body) {
      const std::uint32_t begin = place(), end = place();
      grammar_->places[end].may_end = true;
      build(body, begin, end);
      return begin;
    };
    for (const RulePart& each : part.parts) {
      made.parts.push_back({rule_of(each.parts[0]), each.min > 0, each.max > 1});
    }
    if (part.language != kEmptyText) made.separator = rule_of(regular_part(part.language));
    Grammar::Place::Call call{Grammar::kNone, to};
    call.any_order = static_cast<std::uint32_t>(grammar_->any_orders.size());
    grammar_->any_orders.push_back(std::move(made));
    grammar_->places[from].calls.push_back(call);
  }

  void build_repetition(const RulePart& part, std::uint32_t from, std::uint32_t to) {
    const RulePart skip = regular_part(kEmptyText);
    for (std::uint32_t i = 0; i < part.min; ++i) {
      const std::uint32_t next = place();
      build(part.parts[0], from, next);
      from = next;
    }
    if (part.max == kUnbounded) {
      const std::uint32_t again = place();
      build(skip, from, again);
      build(part.parts[0], again, again);
      build(skip, again, to);
      return;
    }
    for (std::uint32_t i = part.min; i < part.max; ++i) {
      const std::uint32_t next = place();
      build(skip, from, to);
      build(part.parts[0], from, next);
      from = next;
    }
    build(skip, from, to);
  }

  bool matches_empty(const Grammar::Place::Call& call, const std::vector<bool>& empty) const {
    if (call.rule != Grammar::kNone) return empty[call.rule];
    if (call.any_order != Grammar::kNone) {
      const auto& parts = grammar_->any_orders[call.any_order].parts;
      return std::none_of(parts.begin(), parts.end(), [](const auto& part) { return part.required; });
    }
    return call.terminal != Grammar::kNone && grammar_->dfas[call.terminal].accepting[0];
  }

  void refuse_left_recursion() {
    const std::size_t n = grammar_->places.size();
    std::vector<bool> empty(n);  // from here, a rule's end can be reached without a byte
    for (bool changed = true; changed;) {
      changed = false;
      for (std::size_t at = n; at-- > 0;) {
        if (empty[at]) continue;
        const Grammar::Place& place = grammar_->places[at];
        empty[at] = place.may_end || std::any_of(place.calls.begin(), place.calls.end(), [&](const auto& call) {
                      return matches_empty(call, empty) && empty[call.target];
                    });
        changed = changed || empty[at];
      }
    }
    std::vector<std::uint8_t> mark(rules_.size());  // 1: being looked at, 2: done
    for (std::uint32_t rule = 0; rule < rules_.size(); ++rule) look(rule, mark, empty, 0);
  }

  void look(std::uint32_t rule, std::vector<std::uint8_t>& mark, const std::vector<bool>& empty, int depth) {
    if (mark[rule] == 2) return;
    if (mark[rule] == 1 || depth > 1000) {
      throw Unsupported("grammar rule " + quote_name(rules_[rule].name) + " can begin with itself");
    }
    mark[rule] = 1;
    std::vector<std::uint32_t> open{rule}, met{rule};
    while (!open.empty()) {
      const std::uint32_t at = open.back();
      open.pop_back();
      for (const Grammar::Place::Call& call : grammar_->places[at].calls) {
        // What was included is a grammar of its own.
        if (call.rule < rules_.size()) look(call.rule, mark, empty, depth + 1);
        if (!matches_empty(call, empty)) continue;
        if (std::find(met.begin(), met.end(), call.target) != met.end()) continue;
        met.push_back(call.target);
        open.push_back(call.target);
      }
    }
    mark[rule] = 2;
  }

  Expressions& expressions_;
  std::vector<Rule> rules_;
  std::vector<Fold> folded_;
  std::shared_ptr<Grammar> grammar_ = std::make_shared<Grammar>();
  std::map<Expression, std::uint32_t> dfas_;
  std::map<const Grammar*, GrammarRoot> included_;
};

RulePart of_parts(RulePart::Kind kind, std::vector<RulePart> parts) {
  RulePart part;
  part.kind = kind;
  part.parts = std::move(parts);
  return part;
}

std::shared_ptr<const Grammar> compile_language(Expressions& expressions, Expression language) {
  return compile_rules(expressions, {{"root", regular_part(language)}}, 0);
}

}  // namespace

RulePart regular_part(Expression language) {
  RulePart part;
  part.language = language;
  return part;
}

RulePart rule_part(std::uint32_t rule) {
  RulePart part;
  part.kind = RulePart::Kind::kRule;
  part.rule = rule;
  return part;
}

RulePart sequence_of(std::vector<RulePart> parts) {
  return of_parts(RulePart::Kind::kSequence, std::move(parts));
}

RulePart choice_of(std::vector<RulePart> parts) {
  return of_parts(RulePart::Kind::kChoice, std::move(parts));
}

RulePart repetition_of(RulePart part, std::uint32_t min, std::uint32_t max) {
  RulePart result;
  result.kind = RulePart::Kind::kRepetition;
  result.min = min;
  result.max = max;
  result.parts.push_back(std::move(part));
  return result;
}

RulePart optional_part(RulePart part) {
  return repetition_of(std::move(part), 0, 1);
}

RulePart grammar_part(std::shared_ptr<const Grammar> grammar) {
  RulePart part;
  part.kind = RulePart::Kind::kGrammar;
  part.grammar = std::move(grammar);
  return part;
}

RulePart any_order_of(std::vector<RulePart> repetitions, Expression separator) {
  RulePart part = of_parts(RulePart::Kind::kAnyOrder, std::move(repetitions));
  part.language = separator;
  return part;
}

std::shared_ptr<const Grammar> compile_rules(Expressions& expressions, std::vector<Rule> rules, std::uint32_t root) {
  return RuleCompiler(expressions, std::move(rules)).compile(root);
}

std::optional<Expression> regular_language(Expressions& expressions, std::vector<Rule> rules, std::uint32_t root) {
  return RuleCompiler(expressions, std::move(rules)).language(root);
}

std::shared_ptr<const Grammar> compile_regex(std::string_view pattern) {
  WorkLimit limit(kGrammarWorkMax);
  Expressions expressions(limit);
  return compile_language(expressions, parse_regex(expressions, pattern, RegexScope::kWhole));
}

std::shared_ptr<const Grammar> compile_choices(const std::vector<std::string>& choices) {
  WorkLimit limit(kGrammarWorkMax);
  Expressions expressions(limit);
  std::vector<Expression> texts;
  for (const std::string& choice : choices) texts.push_back(expressions.literal(choice));
  return compile_language(expressions, expressions.alternation(std::move(texts)));
}

}  // namespace hearth
