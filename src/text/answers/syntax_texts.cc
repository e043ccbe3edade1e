#include "text/answers/syntax_texts.h"

#include <algorithm>
#include <utility>

#include "text/answers/answer_syntax.h"
#include "text/answers/reading.h"

namespace hearth {
namespace {

struct Pair {
  std::string_view open, close;
};
// What a tag begins and ends with.
constexpr Pair kPairs[] = {{"<|open|>", "<|sep|>"}, {"<|close|>", "<|sep|>"}, {"<", ">"}, {"[", "]"}};

bool is_inside_character(char c) {
  return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
}

// Whether one of the long tags begins in it.
bool begins_tag(std::string_view text) {
  return text.find(kPairs[0].open) != std::string_view::npos || text.find(kPairs[1].open) != std::string_view::npos;
}

}  // namespace

bool AnswerSyntax::is_thinking_after(std::string_view prompt) const {
  return !thinking_open.empty() && trimmed(prompt).ends_with(thinking_open);
}

std::string_view common_beginning(std::string_view first, std::string_view second) {
  const std::size_t shorter = std::min(first.size(), second.size());
  std::size_t size = 0;
  while (size < shorter && first[size] == second[size]) ++size;
  if (size == first.size() && size == second.size()) return first;
  while (size > 0 && size < first.size() && is_inside_character(first[size])) --size;
  for (const Pair& pair : kPairs) {
    const std::size_t open = first.substr(0, size).rfind(pair.open);
    if (open == std::string_view::npos) continue;
    if (first.substr(0, size).find(pair.close, open) == std::string_view::npos) size = open;
  }
  return first.substr(0, size);
}

std::string_view common_ending(std::string_view first, std::string_view second) {
  const std::size_t shorter = std::min(first.size(), second.size());
  std::size_t size = 0;
  while (size < shorter && first[first.size() - 1 - size] == second[second.size() - 1 - size]) ++size;
  std::string_view ending = first.substr(first.size() - size);
  if (size == first.size() && size == second.size()) return ending;
  while (!ending.empty() && is_inside_character(ending.front())) ending.remove_prefix(1);
  for (const Pair& pair : kPairs) {
    const std::string_view before = first.substr(0, first.size() - ending.size());
    const std::size_t close = ending.find(pair.close);
    if (close == std::string_view::npos || ending.find(pair.open) < close) continue;
    if (begins_tag(ending.substr(0, close))) continue;
    // The tag that ends there began before: here, or in what the caller has cut off, where another one follows.
    const std::size_t open = before.rfind(pair.open), behind = close + pair.close.size();
    const bool began_here = open != std::string_view::npos && before.find(pair.close, open) == std::string_view::npos;
    if (!began_here && ending.find(pair.open.front(), behind) == std::string_view::npos) continue;
    ending.remove_prefix(behind);
  }
  return ending;
}

std::string_view without_ending(std::string_view text, std::string_view ending) {
  return text.ends_with(ending) ? text.substr(0, text.size() - ending.size()) : text;
}

std::string_view without_beginning(std::string_view text, std::string_view beginning) {
  return text.starts_with(beginning) ? text.substr(beginning.size()) : text;
}

std::string without_space(std::string_view text) {
  std::string bare;
  for (const char c : text) {
    if (kWhiteSpace.find(c) == std::string_view::npos) bare += c;
  }
  return bare;
}

std::string_view first_tag(std::string_view text) {
  for (const Pair& pair : kPairs) {
    if (!text.starts_with(pair.open)) continue;
    const std::size_t close = text.find(pair.close);
    if (close != std::string_view::npos) return text.substr(0, close + pair.close.size());
  }
  return text;
}

std::string_view last_tag_of(std::string_view text) {
  text = trimmed(text);
  for (const Pair& pair : kPairs) {
    if (!text.ends_with(pair.close)) continue;
    const std::size_t open = text.rfind(pair.open);
    if (open != std::string_view::npos) return text.substr(open);
  }
  return {};
}

std::vector<std::string> mirrored(std::string_view close) {
  constexpr std::pair<std::string_view, std::string_view> kOpposites[] = {
      {"</", "<"},      {"[/", "["},      {"|/", "|"},      {"|close|", "|open|"}, {"END", "START"},
      {"END", "BEGIN"}, {"end", "start"}, {"end", "begin"}, {"suffix", "prefix"}};
  std::vector<std::string> opens;
  for (const auto& [end, begin] : kOpposites) {
    const std::size_t at = close.find(end);
    if (at == std::string_view::npos) continue;
    std::string open(close);
    open.replace(at, end.size(), begin);
    opens.push_back(std::move(open));
  }
  return opens;
}

void add_tags(std::string_view text, std::vector<std::string_view>& tags) {
  for (text = trimmed(text); !text.empty(); text = trimmed(text)) {
    const std::string_view tag = first_tag(text);
    if (std::find(tags.begin(), tags.end(), tag) == tags.end()) tags.push_back(tag);
    text.remove_prefix(tag.size());
  }
}

std::vector<std::string> alike(std::string_view first, std::string_view second) {
  if (first == second) return {std::string(first)};
  const std::size_t shorter = std::min(first.size(), second.size());
  std::size_t head = 0, tail = 0;
  while (head < shorter && first[head] == second[head]) ++head;
  while (tail < shorter - head && first[first.size() - 1 - tail] == second[second.size() - 1 - tail]) ++tail;
  while (head > 0 && is_inside_character(first[head])) --head;
  while (tail > 0 && is_inside_character(first[first.size() - tail])) --tail;
  std::vector<std::string> pieces;
  if (head > 0) pieces.emplace_back(first.substr(0, head));
  if (tail > 0) pieces.emplace_back(first.substr(first.size() - tail));
  return pieces;
}

}  // namespace hearth
