// One pass over the pattern. Outside classes only escapes and one kind of quantifier change; classes are read into
// their parts and written again.
#include "text/unicode/regex_syntax.h"

#include <cctype>
#include <cstddef>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "base/error.h"

namespace hearth {
namespace {

constexpr std::string_view kWhiteSpace =
    R"(\x{9}-\x{d}\x{20}\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})";
constexpr std::string_view kNotWhiteSpace =
    R"(\x{0}-\x{8}\x{e}-\x{1f}\x{21}-\x{84}\x{86}-\x{9f}\x{a1}-\x{167f}\x{1681}-\x{1fff}\x{200b}-\x{2027})"
    R"(\x{202a}-\x{202e}\x{2030}-\x{205e}\x{2060}-\x{2fff}\x{3001}-\x{10ffff})";
// Alphabetic (its members outside L and M are Nl and circled or squared letters), marks, decimal digits, connectors.
constexpr std::string_view kWord =
    R"(\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}\x{24b6}-\x{24e9}\x{1f130}-\x{1f149}\x{1f150}-\x{1f169}\x{1f170}-\x{1f189})";
constexpr std::string_view kHexDigit = "0-9a-fA-F";

class Translator {
 public:
  explicit Translator(std::string_view pattern) : pattern_(pattern) {}

  std::string run() {
    while (position_ < pattern_.size()) step();
    return std::move(out_);
  }

 private:
  [[noreturn]] void refuse(std::string_view what) const {
    throw Unsupported(
        fmt::format("The tokenizer's pattern \"{}\" cannot be translated: {} at byte {}.", pattern_, what, position_));
  }

  bool at(std::string_view text) const { return pattern_.substr(position_).starts_with(text); }

  // One atom, quantifier or piece of structure.
  void step() {
    const char c = pattern_[position_];
    switch (c) {
      case '\\':
        begin_atom();
        out_ += escape_outside_class();
        break;
      case '[':
        begin_atom();
        out_ += character_class();
        break;
      case '(':
        open_groups_.push_back(out_.size());
        copy(1);
        if (at("?#")) comment();
        break;
      case ')':
        if (open_groups_.empty()) refuse("a closing bracket without its opening one");
        atom_ = open_groups_.back();
        open_groups_.pop_back();
        copy(1);
        break;
      case '{':
        interval();
        break;
      case '*':
      case '+':
      case '?':
      case '|':
        copy(1);
        break;
      default:
        begin_atom();
        copy_character();
    }
  }

  void begin_atom() { atom_ = out_.size(); }
  void copy(std::size_t count) {
    out_ += pattern_.substr(position_, count);
    position_ += count;
  }
  void copy_character() {
    copy(1);
    while (position_ < pattern_.size() && (static_cast<unsigned char>(pattern_[position_]) & 0xC0) == 0x80) copy(1);
  }
  void comment() {
    while (position_ < pattern_.size() && pattern_[position_] != ')') copy(1);
  }

  // {n}, {n,}, {,m} or {n,m}; any other bracket is a character.
  void interval() {
    std::size_t end = position_ + 1;
    bool digits = false;
    while (end < pattern_.size() &&
           (std::isdigit(static_cast<unsigned char>(pattern_[end])) != 0 || pattern_[end] == ',')) {
      digits = digits || pattern_[end] != ',';
      ++end;
    }
    if (!digits || end >= pattern_.size() || pattern_[end] != '}') {
      begin_atom();
      out_ += "\\{";
      ++position_;
      return;
    }
    std::string quantifier(pattern_.substr(position_, end + 1 - position_));
    if (quantifier[1] == ',') quantifier.insert(1, "0");
    out_ += quantifier;
    position_ = end + 1;
    if (at("+")) {
      out_.insert(atom_, "(?:");
      out_ += ")+";
      ++position_;
    }
  }

  // The text of an escape's class members; nullopt for an escape that is no class of its own in this sense.
  static std::optional<std::string_view> shorthand(char letter) {
    switch (letter) {
      case 's':
        return kWhiteSpace;
      case 'w':
        return kWord;
      case 'd':
        return R"(\p{Nd})";
      case 'h':
        return kHexDigit;
      default:
        return std::nullopt;
    }
  }

  std::string escape_outside_class() {
    if (position_ + 1 >= pattern_.size()) refuse("a lone backslash");
    const char letter = pattern_[position_ + 1];
    if (const auto members = shorthand(letter)) {
      position_ += 2;
      return fmt::format("[{}]", *members);
    }
    const char lower = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
    if (const auto members = shorthand(lower); members && lower != letter) {
      position_ += 2;
      return fmt::format("[^{}]", *members);
    }
    return other_escape();
  }

  // \p{…}, \x{…}, \uHHHH, and escaped characters, which both dialects share; consumes it.
  std::string other_escape() {
    const char letter = pattern_[position_ + 1];
    if (letter == 'u') {
      const std::string_view digits = pattern_.substr(position_ + 2, 4);
      for (const char digit : digits) {
        if (std::isxdigit(static_cast<unsigned char>(digit)) == 0) refuse("\\u without four digits");
      }
      if (digits.size() != 4) refuse("\\u without four digits");
      position_ += 6;
      return fmt::format("\\x{{{}}}", digits);
    }
    std::size_t length = 2;
    const bool braces = position_ + 2 < pattern_.size() && pattern_[position_ + 2] == '{';
    if (braces && (letter == 'p' || letter == 'P' || letter == 'x')) {
      const std::size_t end = pattern_.find('}', position_);
      if (end == std::string_view::npos) refuse("an escape without its closing bracket");
      length = end + 1 - position_;
    } else if (letter == 'x') {
      while (length < 4 && position_ + length < pattern_.size() &&
             std::isxdigit(static_cast<unsigned char>(pattern_[position_ + length])) != 0) {
        ++length;
      }
    }
    while (position_ + length < pattern_.size() &&
           (static_cast<unsigned char>(pattern_[position_ + length]) & 0xC0) == 0x80) {
      ++length;  // the rest of an escaped character
    }
    const std::string text(pattern_.substr(position_, length));
    position_ += length;
    return text;
  }

  // A class from its bracket on: its members as PCRE2 writes them, or, with &&, a chain of lookaheads.
  std::string character_class() {
    const ClassParts parts = class_parts();
    if (parts.operands.size() == 1) return fmt::format("[{}]", negate(parts.operands[0], parts.negated));
    // [a&&b]: a character of b that is also one of a. A negated intersection is any character that is not such a one.
    std::string chain;
    for (const std::string& operand : parts.operands) chain += fmt::format("(?=[{}])", operand);
    return parts.negated ? fmt::format("(?:(?!{})(?s:.))", chain) : fmt::format("(?:{}(?s:.))", chain);
  }

  // The inside of a class starts with an unescaped "^" if and only if the class is negated.
  static std::string negate(const std::string& inside, bool negated) {
    if (!negated) return inside;
    return inside.starts_with('^') ? inside.substr(1) : "^" + inside;
  }

  struct ClassParts {
    bool negated = false;
    std::vector<std::string> operands;  // of &&; each the inside of a class, "^" in front where negated
  };

  ClassParts class_parts() {
    ClassParts parts;
    ++position_;
    if (at("^")) {
      parts.negated = true;
      ++position_;
    }
    std::string members;
    bool first = true;
    for (;; first = false) {
      if (position_ >= pattern_.size()) refuse("a class without its closing bracket");
      const char c = pattern_[position_];
      if (c == ']' && !first) break;
      if (at("&&")) {
        parts.operands.push_back(std::move(members));
        members.clear();
        position_ += 2;
      } else if (c == '[') {
        nested_class(members);
      } else if (c == '\\') {
        members += escape_in_class();
      } else {
        if (c == ']' || (c == '^' && members.empty())) members += '\\';  // a bracket in first place is a member
        members += c;
        ++position_;
      }
    }
    ++position_;
    parts.operands.push_back(std::move(members));
    for (const std::string& operand : parts.operands) {
      if (operand.empty()) refuse("an empty class");
    }
    return parts;
  }

  // [[:alpha:]] is PCRE2's too. A class within a class adds its members; a negated one can only stand alone.
  void nested_class(std::string& members) {
    if (at("[:")) {
      const std::size_t end = pattern_.find(":]", position_);
      if (end == std::string_view::npos) refuse("a POSIX class without its end");
      members += pattern_.substr(position_, end + 2 - position_);
      position_ = end + 2;
      return;
    }
    const ClassParts nested = class_parts();
    if (nested.operands.size() != 1) refuse("an intersection within a class");
    const bool stands_alone = members.empty() && (at("]") || at("&&"));
    if (!nested.negated) {
      members += nested.operands[0];
    } else if (stands_alone) {
      members = "^" + nested.operands[0];
    } else {
      refuse("a negated class within a class");
    }
  }

  std::string escape_in_class() {
    if (position_ + 1 >= pattern_.size()) refuse("a lone backslash");
    const char letter = pattern_[position_ + 1];
    if (const auto members = shorthand(letter)) {
      position_ += 2;
      return std::string(*members);
    }
    if (letter == 'S') {
      position_ += 2;
      return std::string(kNotWhiteSpace);
    }
    if (letter == 'D') {
      position_ += 2;
      return R"(\P{Nd})";
    }
    if (letter == 'W' || letter == 'H') refuse("a negated shorthand within a class");
    return other_escape();
  }

  std::string_view pattern_;
  std::size_t position_ = 0;
  std::string out_;
  std::size_t atom_ = 0;  // where the last atom begins in out_
  std::vector<std::size_t> open_groups_;
};

}  // namespace

std::string pcre2_from_oniguruma(std::string_view pattern) {
  return Translator(pattern).run();
}

}  // namespace hearth
