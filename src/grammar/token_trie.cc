#include "grammar/token_trie.h"

#include <algorithm>

namespace hearth {
namespace {

constexpr std::size_t kTextBytesMax = 60000;  // a node's depth has 16 bits

}  // namespace

TokenTrie::TokenTrie(std::vector<std::pair<std::string_view, std::uint32_t>> texts) {
  std::erase_if(texts, [](const auto& text) { return text.first.empty() || text.first.size() > kTextBytesMax; });
  std::sort(texts.begin(), texts.end());
  std::vector<std::uint32_t> open;  // the nodes that lead to the last text, by depth
  std::string_view last;
  const auto close = [&](std::size_t depth) {
    for (; open.size() > depth; open.pop_back()) nodes_[open.back()].skip = static_cast<std::uint32_t>(nodes_.size());
  };
  for (const auto& [text, number] : texts) {
    const auto differs = std::mismatch(last.begin(), last.end(), text.begin(), text.end()).second;
    close(static_cast<std::size_t>(differs - text.begin()));
    for (std::size_t depth = open.size(); depth < text.size(); ++depth) {
      open.push_back(static_cast<std::uint32_t>(nodes_.size()));
      nodes_.push_back({0, static_cast<std::uint32_t>(numbers_.size()), static_cast<std::uint16_t>(depth + 1),
                        static_cast<std::uint8_t>(text[depth])});
    }
    numbers_.push_back(number);
    depth_max_ = std::max(depth_max_, text.size());
    last = text;
  }
  close(0);
}

}  // namespace hearth
