// A set of byte strings with a number each, for "which of these begins here?": the longest one, or all of them.
// Built once from all keys; a node's children are neighbours in one array, sorted by their byte.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace hearth {

class ByteTrie {
 public:
  struct Entry {
    std::string_view key;
    std::int32_t value;  // not negative
  };
  struct Match {
    std::size_t bytes;
    std::int32_t value;
  };

  ByteTrie() : ByteTrie(std::vector<Entry>{}) {}
  // Empty keys are left out; of equal keys the first counts. The keys need not outlive the call.
  explicit ByteTrie(std::vector<Entry> entries);

  // Calls visit(Match) for every key that `text` begins with, the shortest first.
  template <typename Visit>
  void for_each_prefix(std::string_view text, Visit&& visit) const {
    if (text.empty()) return;
    std::uint32_t node = roots_[static_cast<unsigned char>(text[0])];
    for (std::size_t bytes = 1; node != kNone; ++bytes) {
      if (nodes_[node].value >= 0) visit(Match{bytes, nodes_[node].value});
      if (bytes == text.size()) return;
      node = child(nodes_[node], static_cast<unsigned char>(text[bytes]));
    }
  }

  // The longest key that `text` begins with.
  std::optional<Match> longest_prefix(std::string_view text) const {
    std::optional<Match> longest;
    for_each_prefix(text, [&](Match match) { longest = match; });
    return longest;
  }

 private:
  static constexpr std::uint32_t kNone = 0xFFFFFFFF;
  static constexpr std::uint16_t kFewChildren = 8;
  struct Node {
    std::uint32_t first_child = 0;
    std::int32_t value = -1;
    std::uint16_t child_count = 0;
    std::uint8_t byte = 0;
  };

  std::uint32_t child(const Node& parent, unsigned char byte) const {
    const Node* begin = nodes_.data() + parent.first_child;
    const Node* end = begin + parent.child_count;
    const Node* found = begin;
    if (parent.child_count < kFewChildren) {
      while (found != end && found->byte < byte) ++found;
    } else {
      found = std::lower_bound(begin, end, byte, [](const Node& node, unsigned char b) { return node.byte < b; });
    }
    return found != end && found->byte == byte ? static_cast<std::uint32_t>(found - nodes_.data()) : kNone;
  }

  std::vector<Node> nodes_;
  std::array<std::uint32_t, 256> roots_;
};

}  // namespace hearth
