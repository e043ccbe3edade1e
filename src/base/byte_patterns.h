// Many texts looked for at once in a text that comes byte by byte, at a cost that depends on neither their number nor
// their lengths: clients send them, and the engine's thread looks for them in every token.
//
// Method: Aho and Corasick, "Efficient string matching", 1975.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hearth {

class BytePatterns {
 public:
  // Where the search stands: the longest beginning of a pattern that the text so far ends with.
  using State = std::int32_t;
  static constexpr State kStart = 0;
  static constexpr std::int32_t kNone = -1;

  BytePatterns() : BytePatterns(std::span<const std::string>()) {}
  // None is empty. Takes some 32 bytes for each of their bytes.
  explicit BytePatterns(std::span<const std::string> patterns);

  State next(State state, char byte) const;
  // Bytes of that beginning.
  std::size_t depth(State state) const { return nodes_[static_cast<std::size_t>(state)].depth; }
  // The longest pattern that ends here, by its place in the list (of equal ones the first); kNone: none does. The next
  // shorter one is that of shorter(state).
  std::int32_t ending(State state) const;
  State shorter(State state) const;
  // The first, in the list, of the patterns that begin with what the state stands for.
  std::int32_t first_beginning(State state) const { return nodes_[static_cast<std::size_t>(state)].first; }

  bool is_in(std::string_view text) const;

 private:
  struct Node {
    std::uint32_t depth = 0;
    State child = 0, sibling = 0;  // the first child; the next child of the same parent. 0: none
    State fallback = 0;            // the longest proper suffix that begins a pattern
    State ending = kNone;          // this node or the nearest of its suffixes where a pattern ends
    std::int32_t pattern = kNone;  // that ends here
    std::int32_t first = kNone;
    char byte = 0;
  };
  State child(State state, char byte) const;
  State add_child(State state, char byte);
  void link();

  std::vector<Node> nodes_;
};

}  // namespace hearth
