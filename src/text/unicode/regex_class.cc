// Classes are evaluated while they are read: members are united, operands of && intersected, and the bracket's ^ comes
// last. Without regard to case the members get their cases before the ^ does.
#include "text/unicode/regex_class.h"

#include <fmt/format.h>

#include <cctype>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/utf8.h"

namespace hearth {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// The code point of an escape like \t; nullopt for an escape of another kind.
std::optional<char32_t> control_escape(char letter) {
  switch (letter) {
    case 't':
      return '\t';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 'f':
      return '\f';
    case 'v':
      return '\v';
    case 'a':
      return '\a';
    case 'e':
      return 0x1b;
    default:
      return std::nullopt;
  }
}

// What \d and its like mean.
std::optional<CodePointSet> shorthand(char letter) {
  const bool negated = std::isupper(static_cast<unsigned char>(letter)) != 0;
  std::optional<CodePointSet> set;
  switch (std::tolower(static_cast<unsigned char>(letter))) {
    case 'd':
      set = named_set("digit");
      break;
    case 's':
      set = white_space_set();
      break;
    case 'w':
      set = word_set();
      break;
    case 'h':
      set = named_set("xdigit");
      break;
    default:
      return std::nullopt;
  }
  return negated ? set->complement() : set;
}

CodePointSet property(PatternCursor& cursor, std::string_view text, bool negated) {
  if (text.starts_with('^')) {
    negated = !negated;
    text.remove_prefix(1);
  }
  for (const std::string_view prefix : {"Script=", "sc=", "General_Category=", "gc="}) {
    if (text.starts_with(prefix)) text.remove_prefix(prefix.size());
  }
  const auto set = named_set(text);
  if (!set) cursor.refuse(fmt::format("the property '{}' is not known,", text));
  return negated ? set->complement() : *set;
}

// A character, or a set that cannot end a range.
struct Member {
  std::optional<char32_t> character;
  CodePointSet set;
};

Member escaped_member(PatternCursor& cursor) {
  if (cursor.escaped_letter() == 'b') {
    cursor.skip(2);
    return {'\b', CodePointSet::of('\b')};
  }
  for (const char letter : {'R', 'X', 'B', 'K', 'k', 'g'}) {
    if (cursor.escaped_letter() == letter) cursor.refuse("an escape that is no character within a class");
  }
  CodePointSet set = parse_escape(cursor);
  const auto ranges = set.ranges();
  if (ranges.size() == 1 && ranges[0].first == ranges[0].last) return {ranges[0].first, set};
  return {std::nullopt, std::move(set)};
}

// [:alpha:], [:^alpha:]; nullopt where the bracket begins something else.
std::optional<CodePointSet> posix_class(PatternCursor& cursor) {
  PatternCursor ahead = cursor;
  if (!ahead.skip_if("[:")) return std::nullopt;
  const bool negated = ahead.skip_if("^");
  std::string name;
  while (!ahead.at_end() && std::isalpha(static_cast<unsigned char>(ahead.peek())) != 0) {
    name += ahead.peek();
    ahead.skip(1);
  }
  if (!ahead.skip_if(":]")) return std::nullopt;
  const auto set = named_set(name);
  if (!set) cursor.refuse(fmt::format("the class '{}' is not known,", name));
  cursor = ahead;
  return negated ? set->complement() : set;
}

Member member(PatternCursor& cursor) {
  if (cursor.at("\\")) return escaped_member(cursor);
  const char32_t c = cursor.character();
  return {c, CodePointSet::of(c)};
}

// A member or a range; a hyphen that can begin no range is one of them.
CodePointSet members(PatternCursor& cursor) {
  const Member first = member(cursor);
  PatternCursor ahead = cursor;
  if (!first.character || !ahead.skip_if("-") || ahead.at("]") || ahead.at("[") || ahead.at("&&")) return first.set;
  const Member last = member(ahead);
  if (!last.character) return first.set;
  if (*last.character < *first.character) cursor.refuse("a range that ends before it begins");
  cursor = ahead;
  return CodePointSet({{*first.character, *last.character}});
}

}  // namespace

bool PatternCursor::skip_if(std::string_view text) {
  if (!at(text)) return false;
  position_ += text.size();
  return true;
}

char32_t PatternCursor::character() {
  if (at_end()) refuse("the pattern ends too early");
  const Utf8Char read = decode_utf8(pattern_, position_);
  if (!read.valid) refuse("a byte that is not UTF-8");
  position_ += read.bytes;
  return read.code_point;
}

std::string PatternCursor::take_through(std::string_view end) {
  // The head of (?'name' holds what ends it.
  const std::size_t found = pattern_.find(end, position_ + 3);
  if (found == std::string_view::npos) refuse("a name without its end");
  std::string text(pattern_.substr(position_, found + end.size() - position_));
  position_ += text.size();
  return text;
}

char PatternCursor::escaped_letter() const {
  if (position_ + 1 >= pattern_.size()) refuse("a lone backslash");
  return pattern_[position_ + 1];
}

std::string PatternCursor::take_interval() {
  std::size_t end = position_ + 1;
  bool has_digits = false;
  int commas = 0;
  for (; end < pattern_.size() && (is_digit(pattern_[end]) || pattern_[end] == ','); ++end) {
    has_digits = has_digits || pattern_[end] != ',';
    commas += pattern_[end] == ',' ? 1 : 0;
  }
  if (!has_digits || commas > 1 || end >= pattern_.size() || pattern_[end] != '}') return {};
  const std::string text(pattern_.substr(position_, end + 1 - position_));
  position_ = end + 1;
  return text[1] == ',' ? fmt::format("{{0{}", text.substr(1)) : text;
}

std::string PatternCursor::take_call() {
  if (!at("\\g<") && !at("\\g'")) refuse("\\g without a name");
  return take_through(at("\\g<") ? ">" : "'");
}

char32_t PatternCursor::hex(std::size_t digits_min, std::size_t digits_max) {
  constexpr int kBase = 16;
  char32_t value = 0;
  std::size_t digits = 0;
  for (; digits < digits_max && !at_end() && std::isxdigit(static_cast<unsigned char>(peek())) != 0; ++digits) {
    value = value * kBase + static_cast<char32_t>(std::stoi(std::string(1, peek()), nullptr, kBase));
    ++position_;
  }
  if (digits < digits_min || value > kCodePointMax) refuse("a hexadecimal code point with too few digits or too large");
  return value;
}

void PatternCursor::refuse(std::string_view what) const {
  throw Unsupported(
      fmt::format("The tokenizer's pattern \"{}\" cannot be translated: {} at byte {}.", pattern_, what, position_));
}

CodePointSet parse_escape(PatternCursor& cursor) {
  constexpr std::size_t kDigitsMax = 6, kUnicodeDigits = 4;
  const char letter = cursor.escaped_letter();
  if ((letter == 'p' || letter == 'P') && (cursor.at("\\p{") || cursor.at("\\P{"))) {
    const std::string text = cursor.take_through("}");
    return property(cursor, std::string_view(text).substr(3, text.size() - 4), letter == 'P');
  }
  if (cursor.skip_if("\\x{")) {
    const char32_t c = cursor.hex(1, kDigitsMax);
    if (!cursor.skip_if("}")) cursor.refuse("an escape without its closing bracket");
    return CodePointSet::of(c);
  }
  cursor.skip(1);
  if (const auto set = shorthand(letter)) {
    cursor.skip(1);
    return *set;
  }
  if (const auto control = control_escape(letter)) {
    cursor.skip(1);
    return CodePointSet::of(*control);
  }
  if (cursor.skip_if("x")) return CodePointSet::of(cursor.hex(1, 2));
  if (cursor.skip_if("u")) return CodePointSet::of(cursor.hex(kUnicodeDigits, kUnicodeDigits));
  if (cursor.skip_if("0")) return CodePointSet::of(0);
  for (const std::string_view other : {"c", "C", "M", "o", "N", "O", "Q", "E"}) {
    if (cursor.at(other)) cursor.refuse("an escape that is not supported");
  }
  return CodePointSet::of(cursor.character());
}

CodePointSet lone_word_set() {
  return word_set().united(CodePointSet({{0xb2, 0xb3}, {0xb9, 0xb9}, {0xbc, 0xbe}}));
}

CodePointSet parse_class(PatternCursor& cursor, bool ignore_case) {
  cursor.skip(1);
  const bool negated = cursor.skip_if("^");
  std::optional<CodePointSet> operands;  // those of && so far, intersected
  CodePointSet current;
  bool is_empty = true;  // the current operand
  const auto end_operand = [&] {
    if (is_empty) cursor.refuse("an empty class");
    operands = operands ? operands->intersected(current) : current;
    current = CodePointSet();
    is_empty = true;
  };
  for (bool first = true;; first = false, is_empty = false) {
    if (cursor.at_end()) cursor.refuse("a class without its closing bracket");
    if (cursor.at("]") && !first) break;
    while (cursor.skip_if("&&")) end_operand();
    if (cursor.at("]") && is_empty && !first) cursor.refuse("an empty class");
    if (!cursor.at("[")) {
      current = current.united(members(cursor));
    } else if (const auto posix = posix_class(cursor)) {
      current = current.united(*posix);
    } else {
      current = current.united(parse_class(cursor, ignore_case));
    }
  }
  cursor.skip(1);
  end_operand();
  if (ignore_case) operands = operands->closed_under_case();
  return negated ? operands->complement() : *operands;
}

}  // namespace hearth
