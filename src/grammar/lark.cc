#include "grammar/lark.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/escape.h"
#include "base/json_value.h"
#include "base/utf8.h"
#include "grammar/grammar_text.h"
#include "grammar/regex_parser.h"
#include "grammar/rules.h"

namespace hearth {
namespace {

constexpr int kLarkDepthMax = 100;
constexpr std::uint32_t kLarkRepetitionMax = 2000;

// Of Lark's grammars/common.lark.
constexpr std::pair<std::string_view, std::string_view> kCommon[] = {
    {"DIGIT", "[0-9]"},
    {"HEXDIGIT", "[a-fA-F0-9]"},
    {"INT", "[0-9]+"},
    {"SIGNED_INT", "[+-]?[0-9]+"},
    {"DECIMAL", R"([0-9]+\.[0-9]*|\.[0-9]+)"},
    {"FLOAT", R"([0-9]+[eE][+-]?[0-9]+|(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"},
    {"SIGNED_FLOAT", R"([+-]?(?:[0-9]+[eE][+-]?[0-9]+|(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?))"},
    {"NUMBER", R"((?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"},
    {"SIGNED_NUMBER", R"([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"},
    {"ESCAPED_STRING", R"("(?:[^"\\\n]|\\[^\n])*")"},
    {"LCASE_LETTER", "[a-z]"},
    {"UCASE_LETTER", "[A-Z]"},
    {"LETTER", "[A-Za-z]"},
    {"WORD", "[A-Za-z]+"},
    {"CNAME", "[_A-Za-z][_A-Za-z0-9]*"},
    {"WS_INLINE", R"([ \t]+)"},
    {"WS", R"([ \t\f\r\n]+)"},
    {"CR", R"(\r)"},
    {"LF", R"(\n)"},
    {"NEWLINE", R"((?:\r?\n)+)"},
    {"SH_COMMENT", R"(#[^\n]*)"},
    {"CPP_COMMENT", R"(\/\/[^\n]*)"}};

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

bool is_terminal_name(std::string_view name) {
  const std::size_t first = name.find_first_not_of('_');
  return first != std::string_view::npos && std::isupper(static_cast<unsigned char>(name[first])) != 0;
}

class LarkParser : private GrammarText {
 public:
  LarkParser(Expressions& expressions, std::string_view text) : GrammarText(expressions, text) {}

  std::vector<Rule> parse(std::uint32_t& root) {
    for (skip_lines(); at_ < text_.size(); skip_lines()) {
      if (skip_if("%")) {
        directive();
      } else {
        definition();
      }
    }
    define_ignored();
    root = root_named("start");
    if (ignores_) ignore_first(root);
    return std::move(rules_);
  }

 private:
  // Past space and comments on the line.
  void skip_space() {
    while (at_ < text_.size()) {
      if (text_.substr(at_).starts_with("//")) {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else if (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\r') {
        ++at_;
      } else {
        return;
      }
    }
  }

  void skip_lines() {
    for (skip_space(); at_ < text_.size() && text_[at_] == '\n'; skip_space()) ++at_;
  }

  std::string name() {
    const std::size_t start = at_;
    while (at_ < text_.size() && is_word(text_[at_])) ++at_;
    if (start == at_) invalid("a name is missing");
    return std::string(text_.substr(start, at_ - start));
  }

  // [?!]name[.priority]: expansions
  void definition() {
    while (skip_if("?") || skip_if("!")) {
    }
    const std::string rule = name();
    if (skip_if("{")) throw Unsupported("a Lark grammar's templates cannot be enforced");
    if (skip_if(".")) {
      skip_if("-");
      name();
    }
    skip_space();
    if (!skip_if(":")) invalid("':' is missing after the name " + quote_name(rule));
    is_terminal_ = is_terminal_name(rule);
    const std::uint32_t number = define(rule);
    RulePart body = choice(0);
    rules_[number].body = std::move(body);
    skip_space();
    if (at_ < text_.size() && text_[at_] != '\n') invalid("something follows the rule " + quote_name(rule));
  }

  void directive() {
    const std::string word = name();
    skip_space();
    if (word == "import") return import();
    if (word != "ignore") throw Unsupported("%" + word + " in a Lark grammar is not known");
    is_terminal_ = true;
    ignored_.push_back(choice(0));
  }

  // %import common.NAME [-> NAME], %import common (NAME, …)
  void import() {
    skip_if(".");
    const std::string library = name();
    if (library != "common") throw Unsupported("a Lark grammar may import from 'common' alone");
    skip_space();
    if (skip_if("(")) {
      do {
        skip_lines();
        const std::string terminal = name();
        import_as(terminal, terminal);
        skip_lines();
      } while (skip_if(","));
      if (!skip_if(")")) invalid("a '(' without its ')'");
      return;
    }
    if (!skip_if(".")) invalid("what is imported is missing");
    const std::string terminal = name();
    skip_space();
    std::string alias = terminal;
    if (skip_if("->")) {
      skip_space();
      alias = name();
    }
    import_as(terminal, alias);
  }

  void import_as(std::string_view terminal, const std::string& alias) {
    for (const auto& [known, pattern] : kCommon) {
      if (known != terminal) continue;
      rules_[define(alias)].body = regular_part(parse_regex(expressions_, pattern, RegexScope::kWhole));
      return;
    }
    throw Unsupported("a Lark grammar's import of " + quote_name(terminal) + " is not known");
  }

  // A '|' may begin the next line.
  bool at_alternative() {
    const std::size_t start = at_;
    skip_lines();
    if (skip_if("|")) return true;
    at_ = start;
    return false;
  }

  RulePart choice(int depth) {
    if (depth > kLarkDepthMax) invalid("groups are nested too deeply");
    std::vector<RulePart> choices;
    do {
      choices.push_back(sequence(depth));
    } while (at_alternative());
    return choices.size() == 1 ? std::move(choices[0]) : choice_of(std::move(choices));
  }

  RulePart sequence(int depth) {
    std::vector<RulePart> parts;
    for (;;) {
      depth > 0 ? skip_lines() : skip_space();
      constexpr std::string_view kEnds = "\n|)]";
      if (at_ >= text_.size() || kEnds.find(text_[at_]) != std::string_view::npos) break;
      if (skip_if("->")) {
        skip_space();
        name();
        continue;
      }
      parts.push_back(repeated(item(depth)));
    }
    return sequence_of(std::move(parts));
  }

  RulePart repeated(RulePart part) {
    for (;;) {
      skip_space();
      if (skip_if("*")) {
        part = repetition_of(std::move(part), 0, kUnbounded);
      } else if (skip_if("+")) {
        part = repetition_of(std::move(part), 1, kUnbounded);
      } else if (skip_if("?")) {
        part = optional_part(std::move(part));
      } else if (skip_if("~")) {
        skip_space();
        const std::uint32_t min = count();
        const std::uint32_t max = skip_if("..") ? count() : min;
        if (max < min) invalid("a repetition whose bounds are the wrong way round");
        part = repetition_of(std::move(part), min, max);
      } else {
        return part;
      }
    }
  }

  std::uint32_t count() {
    if (at_ >= text_.size() || std::isdigit(static_cast<unsigned char>(text_[at_])) == 0) invalid("a count is missing");
    std::uint32_t value = 0;
    for (; at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_])) != 0; ++at_) {
      value = value * 10 + static_cast<std::uint32_t>(text_[at_] - '0');
      if (value > kLarkRepetitionMax) throw Unsupported("a grammar may repeat a part at most 2000 times");
    }
    return value;
  }

  RulePart item(int depth) {
    if (skip_if("(") || skip_if("[")) {
      const bool is_optional = text_[at_ - 1] == '[';
      RulePart inner = choice(depth + 1);
      skip_lines();
      if (!skip_if(is_optional ? "]" : ")")) invalid("a bracket without its other half");
      return is_optional ? optional_part(std::move(inner)) : inner;
    }
    if (text_[at_] == '"') return token(string_or_range());
    if (text_[at_] == '/') return token(expression());
    const std::string called = name();
    const RulePart rule = rule_part(rule_number(called));
    return is_terminal_name(called) && !is_terminal_ ? ignoring(rule) : rule;
  }

  RulePart token(Expression language) {
    RulePart part = regular_part(language);
    return is_terminal_ ? part : ignoring(std::move(part));
  }

  // What is ignored may follow every token of a rule; what it is, is known at the end.
  RulePart ignoring(RulePart part) { return sequence_of({std::move(part), rule_part(rule_number(kIgnored))}); }

  void define_ignored() {
    ignores_ = !ignored_.empty();
    RulePart any = ignores_ ? repetition_of(choice_of(std::move(ignored_)), 0, kUnbounded) : regular_part(kEmptyText);
    rules_[define(kIgnored)].body = std::move(any);
  }

  // And before the first one.
  void ignore_first(std::uint32_t& root) {
    rules_.push_back({"start", sequence_of({rule_part(rule_number(kIgnored)), rule_part(root)})});
    root = static_cast<std::uint32_t>(rules_.size() - 1);
  }

  // A JSON string, with Python's escapes beside, and `i` behind it; or two of them as a range of characters.
  Expression string_or_range() {
    const std::string first = string();
    if (skip_if("..")) {
      const std::string last = string();
      const Utf8Char from = decode_utf8(first + ' ', 0), to = decode_utf8(last + ' ', 0);
      if (from.bytes != first.size() || to.bytes != last.size() || to.code_point < from.code_point) {
        invalid("a range that is none");
      }
      return expressions_.characters(CodePointSet({{from.code_point, to.code_point}}));
    }
    if (!skip_if("i")) return expressions_.literal(first);
    Expression all = kEmptyText;
    for (std::size_t at = 0; at < first.size();) {
      const Utf8Char read = decode_utf8(first, at);
      const CodePointSet set = CodePointSet::of(read.code_point).closed_under_case();
      all = expressions_.concatenation(all, expressions_.characters(set));
      at += read.bytes;
    }
    return all;
  }

  std::string string() {
    if (!skip_if("\"")) invalid("a text is missing");
    std::string text = "\"";
    while (at_ < text_.size() && text_[at_] != '"' && text_[at_] != '\n') {
      if (text_[at_] != '\\' || at_ + 1 >= text_.size()) {
        text += text_[at_++];
      } else if (text_[at_ + 1] == 'x' && at_ + 3 < text_.size()) {
        text += "\\u00" + std::string(text_.substr(at_ + 2, 2));
        at_ += 4;
      } else {
        text += text_[at_ + 1] == '\'' ? "'" : std::string(text_.substr(at_, 2));
        at_ += 2;
      }
    }
    if (!skip_if("\"")) invalid("a text without its closing quote");
    const ParsedJson parsed = parse_json(text + '"', 1, BigIntegers::kAsDouble);
    if (parsed.error) invalid("a text with an unknown escape");
    return std::string(parsed.value.as_string());
  }

  // /…/flags
  Expression expression() {
    std::string pattern;
    for (++at_; at_ < text_.size() && text_[at_] != '/' && text_[at_] != '\n'; ++at_) {
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) pattern += text_[at_++];
      pattern += text_[at_];
    }
    if (!skip_if("/")) invalid("a regular expression without its end");
    if (at_ < text_.size() && std::string_view("imslux").find(text_[at_]) != std::string_view::npos) {
      throw Unsupported("a Lark grammar's flags of expressions cannot be enforced");
    }
    return parse_regex(expressions_, pattern, RegexScope::kWhole);
  }

  static constexpr const char* kIgnored = "%ignore";

  bool is_terminal_ = false;  // what is read is part of a terminal
  std::vector<RulePart> ignored_;
  bool ignores_ = false;
};

}  // namespace

std::shared_ptr<const Grammar> compile_lark(std::string_view text) {
  WorkLimit limit(kGrammarWorkMax);
  Expressions expressions(limit);
  std::uint32_t root = 0;
  std::vector<Rule> rules = LarkParser(expressions, text).parse(root);
  return compile_rules(expressions, std::move(rules), root);
}

Expression lark_language(Expressions& expressions, std::string_view text) {
  std::uint32_t root = 0;
  std::vector<Rule> rules = LarkParser(expressions, text).parse(root);
  if (const auto language = regular_language(expressions, std::move(rules), root)) return *language;
  throw Unsupported("the grammar is no regular language");
}

}  // namespace hearth
