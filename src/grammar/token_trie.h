// Byte strings as a tree in one array, to be walked together with a recognizer: where a prefix is dead, everything
// below it is skipped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "grammar/recognizer.h"

namespace hearth {

class TokenTrie {
 public:
  TokenTrie() = default;
  // Texts with their numbers, in any order; empty ones are left out.
  explicit TokenTrie(std::vector<std::pair<std::string_view, std::uint32_t>> texts);

  // Calls visit(number, state) for every text that leads from a state to one that is not dead.
  template <typename Visit>
  void walk(Recognizer& recognizer, GrammarState from, Visit&& visit) const {
    const auto step = [&](GrammarState& state, std::uint8_t byte) {
      state = recognizer.advance(state, byte);
      return state != kDeadState;
    };
    walk_with(from, step, visit);
  }

  // The same for states of any kind: step(state, byte) changes it, and says whether it is not dead.
  template <typename State, typename Step, typename Visit>
  void walk_with(const State& from, Step&& step, Visit&& visit) const {
    std::vector<State> path(depth_max_ + 1, from);
    path[0] = from;
    for (std::size_t at = 0; at < nodes_.size();) {
      const Node& node = nodes_[at];
      path[node.depth] = path[node.depth - 1];
      if (!step(path[node.depth], node.byte)) {
        at = node.skip;
        continue;
      }
      const std::size_t end = at + 1 < nodes_.size() ? nodes_[at + 1].numbers_begin : numbers_.size();
      for (std::size_t i = node.numbers_begin; i < end; ++i) visit(numbers_[i], path[node.depth]);
      ++at;
    }
  }

 private:
  struct Node {
    std::uint32_t skip;  // the node after everything below this one
    std::uint32_t numbers_begin;
    std::uint16_t depth;
    std::uint8_t byte;
  };
  std::vector<Node> nodes_;
  std::vector<std::uint32_t> numbers_;
  std::size_t depth_max_ = 0;
};

}  // namespace hearth
