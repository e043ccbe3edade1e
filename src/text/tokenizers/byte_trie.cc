// Level by level over the sorted keys: the keys that share a prefix are one range, and the ranges of a node's children
// follow each other, so that a node's children get consecutive places.
#include "text/tokenizers/byte_trie.h"

namespace hearth {

ByteTrie::ByteTrie(std::vector<Entry> entries) {
  roots_.fill(kNone);
  std::erase_if(entries, [](const Entry& entry) { return entry.key.empty(); });
  std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.key < b.key; });

  struct Range {
    std::uint32_t node;
    std::uint32_t begin;
    std::uint32_t end;
  };
  std::vector<Range> level;
  // Appends one node for every distinct byte at `depth` among the keys of a range that are long enough.
  const auto expand = [&](std::uint32_t begin, std::uint32_t end, std::size_t depth, std::vector<Range>& next) {
    std::uint16_t count = 0;
    while (begin < end) {
      const char byte = entries[begin].key[depth];
      std::uint32_t stop = begin;
      while (stop < end && entries[stop].key[depth] == byte) ++stop;
      next.push_back({static_cast<std::uint32_t>(nodes_.size()), begin, stop});
      nodes_.push_back({0, -1, 0, static_cast<std::uint8_t>(byte)});
      ++count;
      begin = stop;
    }
    return count;
  };

  expand(0, static_cast<std::uint32_t>(entries.size()), 0, level);
  for (const Range& range : level) roots_[nodes_[range.node].byte] = range.node;
  for (std::size_t depth = 1; !level.empty(); ++depth) {
    std::vector<Range> next;
    for (Range range : level) {
      if (entries[range.begin].key.size() == depth) {  // the shortest of the range stands first
        nodes_[range.node].value = entries[range.begin].value;
        while (range.begin < range.end && entries[range.begin].key.size() == depth) ++range.begin;
      }
      nodes_[range.node].first_child = static_cast<std::uint32_t>(nodes_.size());
      const std::uint16_t count = expand(range.begin, range.end, depth, next);
      nodes_[range.node].child_count = count;
    }
    level = std::move(next);
  }
}

}  // namespace hearth
