#include "grammar/call_rules.h"

#include <utility>

#include "base/utf8.h"
#include "grammar/char_reader.h"
#include "grammar/regex_parser.h"

namespace hearth {
namespace {

constexpr std::string_view kSpace = " \t\r\n";
constexpr std::uint32_t kSpacesMax = 8;

Expression space_language(Expressions& expressions) {
  CodePointSet set;
  for (const char c : kSpace) set = set.united(CodePointSet::of(static_cast<char32_t>(c)));
  return expressions.repetition(expressions.characters(set), 0, kSpacesMax);
}

}  // namespace

Expression CallParts::mark_language(std::string_view text) {
  const Expression special =
      expressions_.repetition(expressions_.characters(CodePointSet::of(kSpecialCharacter)), 0, 1);
  Expression all = kEmptyText;
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Char read = decode_utf8(text, at);
    all = expressions_.concatenation(all, special);
    all = expressions_.concatenation(all, expressions_.literal(text.substr(at, read.bytes)));
    at += read.bytes;
    if (text[at - 1] != '>') continue;
    const std::size_t next = text.find_first_not_of(kSpace, at);
    if (next == std::string_view::npos || text[next] != '<') continue;
    all = expressions_.concatenation(all, space_language(expressions_));
    at = next;
  }
  return all;
}

RulePart CallParts::space() {
  return regular_part(space_language(expressions_));
}

RulePart CallParts::spaced(std::string_view text) {
  return sequence_of({space(), literal(text), space()});
}

RulePart CallParts::pattern(std::string_view regex) {
  return regular_part(parse_regex(expressions_, regex, RegexScope::kWhole));
}

Expression CallParts::text_without(const std::vector<std::string_view>& marks) {
  std::vector<Expression> parts{expressions_.repetition(expressions_.any_character(), 0, kUnbounded)};
  for (const std::string_view mark : marks) {
    const Expression with =
        expressions_.concatenation(expressions_.concatenation(kAnyText, expressions_.literal(mark)), kAnyText);
    parts.push_back(expressions_.complement(with));
  }
  return expressions_.intersection(std::move(parts));
}

}  // namespace hearth
