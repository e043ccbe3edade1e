#include "text/jinja/word_wrap.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>

#include "base/error.h"
#include "text/jinja/error.h"
#include "text/jinja/unicode.h"
#include "text/unicode/regex.h"

namespace hearth::jinja {
namespace {

// The pieces between which a line may end: words with their hyphens, white space, dashes.
std::deque<std::u32string> chunks_of(std::string_view text, bool on_hyphens) {
  static const Regex kSpaces(R"([\t\n\x0B\f\r ]+|[^\t\n\x0B\f\r ]+)");
  // A letter is (?!\d)\w: what is of a word and no digit.
  static const Regex kSpacesAndHyphens(R"([\t\n\x0B\f\r ]+|(?<=[\w!"'&.,?])-{2,}(?=\w)|[^\t\n\x0B\f\r ]+?(?:)"
                                       R"(-(?:(?<=(?!\d)\w(?!\d)\w-)|(?<=(?!\d)\w-(?!\d)\w-))(?=(?!\d)\w-?(?!\d)\w)|)"
                                       R"((?=[\t\n\x0B\f\r ]|\z)|(?<=[\w!"'&.,?])(?=-{2,}\w)))");
  std::deque<std::u32string> chunks;
  const auto add = [&](std::size_t begin, std::size_t end) {
    if (end > begin) chunks.push_back(to_code_points(text.substr(begin, end - begin)));
  };
  std::size_t done = 0;
  try {
    RegexMatcher(on_hyphens ? kSpacesAndHyphens : kSpaces).for_each(text, [&](const Span& span) {
      add(done, span.begin);
      add(span.begin, span.end);
      done = span.end;
    });
  } catch (const Unsupported&) {
    fail_limit("wordwrap was given too long a word");
  }
  add(done, text.size());
  return chunks;
}

bool is_blank(const std::u32string& text) {
  return std::all_of(text.begin(), text.end(), is_space);
}

// Where a word that is longer than a line is broken, of which `room` characters fit.
std::size_t break_at(const std::u32string& word, std::size_t room, bool on_hyphens) {
  if (!on_hyphens || word.size() <= room || room == 0) return room;
  const std::size_t hyphen = word.rfind(U'-', room - 1);
  if (hyphen == std::u32string::npos || hyphen == 0) return room;
  const bool follows_something = word.find_first_not_of(U'-') < hyphen;
  return follows_something ? hyphen + 1 : room;
}

}  // namespace

std::vector<std::string> wrapped_lines(std::string_view paragraph, const WrapStyle& style) {
  if (style.width <= 0) fail(fmt::format("invalid width {} (must be > 0)", style.width));
  const auto width = static_cast<std::size_t>(style.width);
  std::deque<std::u32string> chunks = chunks_of(paragraph, style.break_on_hyphens);
  std::vector<std::string> lines;
  while (!chunks.empty()) {
    if (!lines.empty() && is_blank(chunks.front())) chunks.pop_front();
    std::u32string line;
    std::size_t last_begin = 0;  // of the line's last piece
    const auto append = [&](std::u32string_view piece) {
      last_begin = line.size();
      line += piece;
    };
    while (!chunks.empty() && line.size() + chunks.front().size() <= width) {
      append(chunks.front());
      chunks.pop_front();
    }
    if (!chunks.empty() && chunks.front().size() > width) {
      std::u32string& word = chunks.front();
      if (style.break_long_words) {
        const std::size_t end = break_at(word, width - line.size(), style.break_on_hyphens);
        append(std::u32string_view(word).substr(0, end));
        word.erase(0, end);
      } else if (line.empty()) {
        append(word);
        chunks.pop_front();
      }
    }
    if (is_blank(line.substr(last_begin))) line.resize(last_begin);
    if (!line.empty()) lines.push_back(to_utf8(line));
  }
  return lines;
}

}  // namespace hearth::jinja
