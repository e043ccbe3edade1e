#include "grammar/gbnf.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/escape.h"
#include "base/utf8.h"
#include "grammar/grammar_text.h"
#include "grammar/rules.h"

namespace hearth {
namespace {

constexpr int kGroupDepthMax = 100;
constexpr std::uint32_t kRepetitionMax = 2000;

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

class GbnfParser : private GrammarText {
 public:
  GbnfParser(Expressions& expressions, std::string_view text) : GrammarText(expressions, text) {}

  std::vector<Rule> parse(std::uint32_t& root) {
    skip_space();
    while (at_ < text_.size()) {
      const std::string name = read_name();
      if (name.empty()) invalid("a rule's name is missing");
      skip_space();
      if (!skip_if("::=")) invalid("'::=' is missing after the name " + quote_name(name));
      const std::uint32_t rule = define(name);
      RulePart body = choice(0);
      rules_[rule].body = std::move(body);
      if (at_ < text_.size() && text_[at_] == ')') invalid("an unmatched ')'");
    }
    root = root_named("root");
    return std::move(rules_);
  }

 private:
  void skip_space() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '#') {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
        ++at_;
      } else {
        return;
      }
    }
  }

  std::string read_name() {
    const std::size_t start = at_;
    while (at_ < text_.size() && is_name_character(text_[at_])) ++at_;
    return std::string(text_.substr(start, at_ - start));
  }

  // A rule ends where the next one's name and "::=" stand.
  bool at_next_rule() {
    const std::size_t start = at_;
    const bool named = !read_name().empty();
    skip_space();
    const bool next = named && text_.substr(at_).starts_with("::=");
    at_ = start;
    return next;
  }

  RulePart choice(int depth) {
    if (depth > kGroupDepthMax) invalid("groups are nested too deeply");
    std::vector<RulePart> choices{sequence(depth)};
    while (skip_if("|")) choices.push_back(sequence(depth));
    return choices.size() == 1 ? std::move(choices[0]) : choice_of(std::move(choices));
  }

  RulePart sequence(int depth) {
    std::vector<RulePart> parts;
    for (skip_space(); at_ < text_.size() && text_[at_] != '|' && text_[at_] != ')'; skip_space()) {
      if (at_next_rule()) break;
      RulePart part = item(depth);
      skip_space();
      std::uint32_t min = 0, max = 0;
      while (quantifier(min, max)) {
        part = repetition_of(std::move(part), min, max);
        skip_space();
      }
      parts.push_back(std::move(part));
    }
    return sequence_of(std::move(parts));
  }

  bool quantifier(std::uint32_t& min, std::uint32_t& max) {
    min = 0;
    max = kUnbounded;
    if (skip_if("*")) return true;
    if (skip_if("+")) return min = 1, true;
    if (skip_if("?")) return max = 1, true;
    if (!skip_if("{")) return false;
    skip_space();
    const std::optional<std::uint32_t> low = number();
    skip_space();
    min = low.value_or(0);
    max = min;
    if (skip_if(",")) {
      skip_space();
      max = number().value_or(kUnbounded);
      skip_space();
    } else if (!low) {
      invalid("a repetition without its count");
    }
    if (!skip_if("}")) invalid("a '{' without its '}'");
    if (max < min) invalid("a repetition whose bounds are the wrong way round");
    return true;
  }

  std::optional<std::uint32_t> number() {
    std::optional<std::uint32_t> value;
    for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_) {
      value = value.value_or(0) * 10 + static_cast<std::uint32_t>(text_[at_] - '0');
      if (*value > kRepetitionMax) throw Unsupported("a grammar may repeat a part at most 2000 times");
    }
    return value;
  }

  RulePart item(int depth) {
    if (skip_if("(")) {
      RulePart inner = choice(depth + 1);
      if (!skip_if(")")) invalid("a '(' without its ')'");
      return inner;
    }
    if (skip_if("\"")) return literal();
    if (skip_if("[")) return bracket();
    if (skip_if(".")) return regular_part(expressions_.any_character());
    if (text_[at_] == '<' || text_[at_] == '!') throw Unsupported("a grammar of token numbers cannot be enforced");
    const std::string name = read_name();
    if (name.empty()) invalid("the character " + quote_name(text_.substr(at_, 1)) + " begins nothing");
    return rule_part(rule_number(name));
  }

  RulePart literal() {
    Expression text = kEmptyText;
    while (!skip_if("\"")) {
      if (at_ >= text_.size()) invalid("a text without its closing quote");
      text = expressions_.concatenation(text, expressions_.characters(CodePointSet::of(character())));
    }
    return regular_part(text);
  }

  RulePart bracket() {
    const bool negated = skip_if("^");
    CodePointSet set;
    while (!skip_if("]")) {
      if (at_ >= text_.size()) invalid("a '[' without its ']'");
      const char32_t first = character();
      char32_t last = first;
      if (at_ + 1 < text_.size() && text_[at_] == '-' && text_[at_ + 1] != ']') {
        ++at_;
        last = character();
      }
      if (last < first) invalid("a range whose ends are the wrong way round");
      set = set.united(CodePointSet({{first, last}}));
    }
    return regular_part(expressions_.characters(negated ? set.complement() : set));
  }

  char32_t character() {
    if (skip_if("\\")) return escape();
    const Utf8Char read = decode_utf8(text_, at_);
    if (!read.valid) invalid("a byte that is not UTF-8");
    at_ += read.bytes;
    return read.code_point;
  }

  char32_t escape() {
    if (at_ >= text_.size()) invalid("a backslash at the end");
    const char c = text_[at_++];
    switch (c) {
      case 'n':
        return '\n';
      case 't':
        return '\t';
      case 'r':
        return '\r';
      case 'x':
        return hex(2);
      case 'u':
        return hex(4);
      case 'U':
        return hex(8);
      case '"':
      case '\\':
      case '[':
      case ']':
      case '-':
      case '^':
      case '/':
        return static_cast<char32_t>(c);
      default:
        invalid("an unknown escape");
    }
  }

  char32_t hex(int digits) {
    char32_t value = 0;
    for (int i = 0; i < digits; ++i, ++at_) {
      const std::string_view all = "0123456789abcdef";
      const char c = at_ < text_.size() ? text_[at_] : ' ';
      const std::size_t digit = all.find(c >= 'A' && c <= 'F' ? static_cast<char>(c + 32) : c);
      if (digit == all.npos) invalid("an escape without its hexadecimal digits");
      value = value * 16 + static_cast<char32_t>(digit);
      if (value > kCodePointMax) invalid("an escape beyond the last code point");
    }
    return value;
  }
};

}  // namespace

std::shared_ptr<const Grammar> compile_gbnf(std::string_view text) {
  WorkLimit limit(kGrammarWorkMax);
  Expressions expressions(limit);
  std::uint32_t root = 0;
  std::vector<Rule> rules = GbnfParser(expressions, text).parse(root);
  return compile_rules(expressions, std::move(rules), root);
}

}  // namespace hearth
