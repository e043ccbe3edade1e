#include "grammar/regex_parser.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/escape.h"
#include "base/utf8.h"
#include "text/unicode/code_point_set.h"

namespace hearth {
namespace {

constexpr int kGroupDepthMax = 100;
// A group with lookahead is written out once per repetition.
constexpr std::uint32_t kLookaheadCopiesMax = 64;

// A part of a pattern. One without lookahead is a language of its own; what lookahead allows depends on what follows.
struct Part {
  enum class Kind { kLanguage, kSequence, kChoice, kRepetition, kLookahead };
  Kind kind = Kind::kLanguage;
  Expression language = kEmptyText;
  std::vector<Part> parts;
  std::uint32_t min = 0, max = 0;
  bool negated = false;

  bool looks_ahead() const {
    if (kind == Kind::kLookahead) return true;
    for (const Part& part : parts) {
      if (part.looks_ahead()) return true;
    }
    return false;
  }
};

CodePointSet digits() {
  return CodePointSet({{'0', '9'}});
}

CodePointSet word() {
  return CodePointSet({{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}});
}

CodePointSet space() {
  return CodePointSet({{'\t', '\r'},
                       {' ', ' '},
                       {0xA0, 0xA0},
                       {0x1680, 0x1680},
                       {0x2000, 0x200A},
                       {0x2028, 0x2029},
                       {0x202F, 0x202F},
                       {0x205F, 0x205F},
                       {0x3000, 0x3000},
                       {0xFEFF, 0xFEFF}});
}

CodePointSet not_line_end() {
  return CodePointSet({{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}}).complement();
}

class Parser {
 public:
  Parser(Expressions& expressions, std::string_view pattern) : expressions_(expressions), pattern_(pattern) {}

  Expression parse(RegexScope scope) {
    const Part whole = choice(0);
    if (!at_end()) invalid("an unmatched ')'");
    if (scope == RegexScope::kWhole) return join(whole, kEmptyText);
    return expressions_.concatenation(kAnyText, join(whole, kAnyText));
  }

 private:
  bool at_end() const { return at_ >= pattern_.size(); }
  char peek() const { return pattern_[at_]; }
  bool skip_if(std::string_view text) {
    if (!pattern_.substr(at_).starts_with(text)) return false;
    at_ += text.size();
    return true;
  }

  [[noreturn]] void invalid(const std::string& what) const {
    throw InvalidInput("regular expression " + quote_name(pattern_) + ": " + what + " at byte " + std::to_string(at_));
  }
  [[noreturn]] void unsupported(const std::string& what) const {
    throw Unsupported("regular expression " + quote_name(pattern_) + ": " + what + " cannot be enforced");
  }

  char32_t character() {
    if (at_end()) invalid("the end where a character is needed");
    const Utf8Char read = decode_utf8(pattern_, at_);
    if (!read.valid) invalid("a byte that is not UTF-8");
    at_ += read.bytes;
    return read.code_point;
  }

  Part language(Expression expression) const {
    Part part;
    part.language = expression;
    return part;
  }

  Part choice(int depth) {
    if (depth > kGroupDepthMax) invalid("groups nested too deeply");
    Part result;
    result.kind = Part::Kind::kChoice;
    result.parts.push_back(sequence(depth));
    while (skip_if("|")) result.parts.push_back(sequence(depth));
    if (result.parts.size() == 1) return std::move(result.parts[0]);
    return folded(std::move(result));
  }

  Part sequence(int depth) {
    Part result;
    result.kind = Part::Kind::kSequence;
    while (!at_end() && peek() != '|' && peek() != ')') {
      Part part = atom(depth);
      quantify(part);
      result.parts.push_back(std::move(part));
    }
    return folded(std::move(result));
  }

  // A language of its own where nothing within looks ahead.
  Part folded(Part part) {
    if (part.kind == Part::Kind::kLanguage || part.looks_ahead()) return part;
    return language(join(part, kEmptyText));
  }

  void quantify(Part& part) {
    std::uint32_t min = 0, max = 0;
    if (!read_quantifier(min, max)) return;
    skip_if("?");  // which of several matches is taken does not change the language
    if (part.kind == Part::Kind::kLookahead) unsupported("a repeated lookahead");
    Part repeated;
    repeated.kind = Part::Kind::kRepetition;
    repeated.min = min;
    repeated.max = max;
    repeated.parts.push_back(std::move(part));
    part = folded(std::move(repeated));
    std::uint32_t ignored = 0;
    if (read_quantifier(ignored, ignored)) invalid("a quantifier with nothing to repeat");
  }

  bool read_quantifier(std::uint32_t& min, std::uint32_t& max) {
    if (skip_if("*")) {
      min = 0, max = kUnbounded;
    } else if (skip_if("+")) {
      min = 1, max = kUnbounded;
    } else if (skip_if("?")) {
      min = 0, max = 1;
    } else {
      return read_interval(min, max);
    }
    return true;
  }

  bool read_interval(std::uint32_t& min, std::uint32_t& max) {
    const std::size_t start = at_;
    if (!skip_if("{")) return false;
    const std::optional<std::uint32_t> low = number();
    if (!low) return at_ = start, false;
    min = max = *low;
    if (skip_if(",")) {
      const std::optional<std::uint32_t> high = number();
      max = high ? *high : kUnbounded;
    }
    if (!skip_if("}")) return at_ = start, false;
    if (max < min) invalid("a quantifier whose bounds are the wrong way round");
    return true;
  }

  std::optional<std::uint32_t> number() {
    std::optional<std::uint32_t> value;
    while (!at_end() && peek() >= '0' && peek() <= '9') {
      value = value.value_or(0) * 10 + static_cast<std::uint32_t>(peek() - '0');
      if (*value > 1000000) unsupported("a count above a million");
      ++at_;
    }
    return value;
  }

  Part atom(int depth) {
    if (skip_if("(")) return group(depth);
    if (skip_if("^")) return language(expressions_.begin_anchor());
    if (skip_if("$")) return language(expressions_.end_anchor());
    if (skip_if("\\b")) return language(expressions_.word_boundary(false));
    if (skip_if("\\B")) return language(expressions_.word_boundary(true));
    if (skip_if(".")) return language(expressions_.characters(not_line_end()));
    if (skip_if("[")) return language(expressions_.characters(bracket()));
    if (peek() == '*' || peek() == '+' || peek() == '?') invalid("a quantifier with nothing to repeat");
    if (skip_if("\\")) {
      if (!at_end() && ((peek() >= '1' && peek() <= '9') || peek() == 'k')) unsupported("a back reference");
      return language(expressions_.characters(escape(false)));
    }
    return language(expressions_.characters(CodePointSet::of(character())));
  }

  Part group(int depth) {
    const bool ahead = skip_if("?="), not_ahead = !ahead && skip_if("?!");
    if (skip_if("?<=") || skip_if("?<!")) unsupported("lookbehind");
    if (!ahead && !not_ahead && skip_if("?<")) {
      while (!at_end() && peek() != '>') ++at_;
      if (!skip_if(">")) invalid("a group's name without its end");
    } else if (!ahead && !not_ahead && !skip_if("?:") && !at_end() && peek() == '?') {
      invalid("an unknown kind of group");
    }
    Part inner = choice(depth + 1);
    if (!skip_if(")")) invalid("a '(' without its ')'");
    if (!ahead && !not_ahead) return inner;
    Part look;
    look.kind = Part::Kind::kLookahead;
    look.negated = not_ahead;
    look.parts.push_back(std::move(inner));
    return look;
  }

  char32_t hex(int count) {
    char32_t value = 0;
    for (int i = 0; i < count; ++i) {
      const char c = at_end() ? '\0' : peek();
      const int digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0) invalid("an escape without its hexadecimal digits");
      value = value * 16 + static_cast<char32_t>(digit);
      ++at_;
    }
    return value;
  }

  char32_t unicode_escape() {
    if (skip_if("{")) {
      char32_t value = 0;
      while (!at_end() && peek() != '}') {
        value = value * 16 + hex(1);
        if (value > kCodePointMax) invalid("an escape beyond the last code point");
      }
      if (!skip_if("}")) invalid("an escape without its '}'");
      return value;
    }
    const char32_t unit = hex(4);
    if (unit >= 0xD800 && unit <= 0xDBFF && pattern_.substr(at_).starts_with("\\u")) {
      const std::size_t start = at_;
      at_ += 2;
      const char32_t low = hex(4);
      if (low >= 0xDC00 && low <= 0xDFFF) return 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
      at_ = start;
    }
    return unit;
  }

  CodePointSet property(bool negated) {
    if (!skip_if("{")) invalid("a property without its name");
    const std::size_t end = pattern_.find('}', at_);
    if (end == std::string_view::npos) invalid("a property without its '}'");
    std::string_view name = pattern_.substr(at_, end - at_);
    if (const std::size_t equals = name.find('='); equals != std::string_view::npos) name.remove_prefix(equals + 1);
    const std::optional<CodePointSet> set = named_set(name);
    if (!set) unsupported("the property " + quote_name(name));
    at_ = end + 1;
    return negated ? set->complement() : *set;
  }

  // After the backslash.
  CodePointSet escape(bool in_bracket) {
    const char32_t c = character();
    switch (c) {
      case 'd':
        return digits();
      case 'D':
        return digits().complement();
      case 'w':
        return word();
      case 'W':
        return word().complement();
      case 's':
        return space();
      case 'S':
        return space().complement();
      case 'p':
      case 'P':
        return property(c == 'P');
      case 'x':
        return CodePointSet::of(hex(2));
      case 'u':
        return CodePointSet::of(unicode_escape());
      case 'c': {
        const char32_t letter = character();
        if (!((letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z'))) invalid("a control escape");
        return CodePointSet::of(letter % 32);
      }
      case 'b':
        if (in_bracket) return CodePointSet::of('\b');
        break;
      default:
        break;
    }
    const std::string_view letters = "tnvfr0", values("\t\n\v\f\r\0", 6);
    if (const std::size_t at = c < 128 ? letters.find(static_cast<char>(c)) : std::string_view::npos;
        at != std::string_view::npos) {
      return CodePointSet::of(static_cast<char32_t>(values[at]));
    }
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) invalid("an unknown escape");
    return CodePointSet::of(c);
  }

  // After the opening bracket.
  CodePointSet bracket() {
    const bool negated = skip_if("^");
    CodePointSet result;
    while (true) {
      if (at_end()) invalid("a '[' without its ']'");
      if (skip_if("]")) break;
      const CodePointSet low = member();
      const bool single = low.ranges().size() == 1 && low.ranges()[0].first == low.ranges()[0].last;
      if (single && pattern_.substr(at_).starts_with("-") && !pattern_.substr(at_).starts_with("-]")) {
        skip_if("-");
        const CodePointSet high = member();
        if (high.ranges().size() != 1 || high.ranges()[0].first != high.ranges()[0].last) {
          result = result.united(low).united(CodePointSet::of('-')).united(high);
          continue;
        }
        const char32_t first = low.ranges()[0].first, last = high.ranges()[0].first;
        if (last < first) invalid("a range whose ends are the wrong way round");
        result = result.united(CodePointSet({{first, last}}));
      } else {
        result = result.united(low);
      }
    }
    return negated ? result.complement() : result;
  }

  CodePointSet member() {
    if (skip_if("\\")) return escape(true);
    return CodePointSet::of(character());
  }

  // The texts of a part followed by `rest`.
  Expression join(const Part& part, Expression rest) {
    switch (part.kind) {
      case Part::Kind::kLanguage:
        return expressions_.concatenation(part.language, rest);
      case Part::Kind::kSequence:
        for (auto each = part.parts.rbegin(); each != part.parts.rend(); ++each) rest = join(*each, rest);
        return rest;
      case Part::Kind::kChoice: {
        std::vector<Expression> choices;
        const bool together = !part.looks_ahead();
        for (const Part& each : part.parts) choices.push_back(join(each, together ? kEmptyText : rest));
        const Expression any = expressions_.alternation(std::move(choices));
        return together ? expressions_.concatenation(any, rest) : any;
      }
      case Part::Kind::kRepetition:
        return join_repetition(part, rest);
      case Part::Kind::kLookahead: {
        const Expression ahead = join(part.parts[0], kAnyText);
        return expressions_.intersection({part.negated ? expressions_.complement(ahead) : ahead, rest});
      }
    }
    return rest;
  }

  Expression join_repetition(const Part& part, Expression rest) {
    const Part& inner = part.parts[0];
    if (!inner.looks_ahead()) {
      const Expression once = join(inner, kEmptyText);
      return expressions_.concatenation(expressions_.repetition(once, part.min, part.max), rest);
    }
    if (part.max > kLookaheadCopiesMax) unsupported("a repeated lookahead");
    for (std::uint32_t count = part.max; count > 0; --count) {
      const Expression with = join(inner, rest);
      rest = count > part.min ? expressions_.alternation({with, rest}) : with;
    }
    return rest;
  }

  Expressions& expressions_;
  std::string_view pattern_;
  std::size_t at_ = 0;
};

}  // namespace

Expression parse_regex(Expressions& expressions, std::string_view pattern, RegexScope scope) {
  return Parser(expressions, pattern).parse(scope);
}

}  // namespace hearth
