// One pass finds out which tokens occur at all; most texts have none of thousands, and the rest is only done for these.
#include "text/tokenizers/special_splitter.h"

#include <algorithm>

namespace hearth {
namespace {

bool is_ascii_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

}  // namespace

SpecialSplitter::SpecialSplitter(const Vocabulary& vocabulary, const std::vector<GgufToken>& tokens) {
  for (TokenId id = 0; vocabulary.contains(id); ++id) {
    const GgufToken& token = tokens[static_cast<std::size_t>(id)];
    if (!token.is_found_in_text() || vocabulary.text(id).empty()) continue;
    specials_.push_back(
        {id, std::string(vocabulary.text(id)), !token.is_special(), token.strips_left, token.strips_right});
  }
  std::stable_sort(specials_.begin(), specials_.end(),
                   [](const Special& a, const Special& b) { return a.text.size() > b.text.size(); });
  std::vector<ByteTrie::Entry> entries;
  for (std::size_t i = 0; i < specials_.size(); ++i)
    entries.push_back({specials_[i].text, static_cast<std::int32_t>(i)});
  trie_ = ByteTrie(std::move(entries));
}

std::vector<Fragment> SpecialSplitter::split(std::string_view text, bool parse_special) const {
  if (text.empty()) return {};
  std::vector<bool> occurs(specials_.size());
  for (std::size_t position = 0; position < text.size(); ++position) {
    trie_.for_each_prefix(text.substr(position),
                          [&](ByteTrie::Match match) { occurs[static_cast<std::size_t>(match.value)] = true; });
  }
  std::vector<Fragment> fragments = {{kNoToken, {0, text.size()}}};
  for (std::size_t i = 0; i < specials_.size(); ++i) {
    if (occurs[i] && (parse_special || specials_[i].always)) split_at(specials_[i], text, fragments);
  }
  return fragments;
}

void SpecialSplitter::split_at(const Special& special, std::string_view text, std::vector<Fragment>& fragments) const {
  std::vector<Fragment> result;
  for (const Fragment& fragment : fragments) {
    if (fragment.token != kNoToken) {
      result.push_back(fragment);
      continue;
    }
    const std::string_view part = text.substr(0, fragment.span.end);
    std::size_t begin = fragment.span.begin;
    for (;;) {
      const std::size_t found = part.find(special.text, begin);
      if (found == std::string_view::npos) break;
      std::size_t left_end = found;
      while (special.strips_left && left_end > begin && is_ascii_space(text[left_end - 1])) --left_end;
      if (left_end > begin) result.push_back({kNoToken, {begin, left_end}});
      result.push_back({special.id, {found, found + special.text.size()}});
      begin = found + special.text.size();
      while (special.strips_right && begin < part.size() && is_ascii_space(text[begin])) ++begin;
    }
    if (begin < part.size()) result.push_back({kNoToken, {begin, part.size()}});
  }
  fragments = std::move(result);
}

}  // namespace hearth
