#include "base/byte_patterns.h"

#include <algorithm>

#include "base/check.h"

namespace hearth {

BytePatterns::BytePatterns(std::span<const std::string> patterns) : nodes_(1) {
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    CHECK(!patterns[i].empty());
    State state = kStart;
    for (const char byte : patterns[i]) {
      const State known = child(state, byte);
      state = known != 0 ? known : add_child(state, byte);
      Node& node = nodes_[static_cast<std::size_t>(state)];
      if (node.first == kNone) node.first = static_cast<std::int32_t>(i);
    }
    Node& last = nodes_[static_cast<std::size_t>(state)];
    if (last.pattern == kNone) last.pattern = static_cast<std::int32_t>(i);
  }
  link();
}

BytePatterns::State BytePatterns::child(State state, char byte) const {
  State found = nodes_[static_cast<std::size_t>(state)].child;
  while (found != 0 && nodes_[static_cast<std::size_t>(found)].byte != byte) {
    found = nodes_[static_cast<std::size_t>(found)].sibling;
  }
  return found;
}

BytePatterns::State BytePatterns::add_child(State state, char byte) {
  const auto added = static_cast<State>(nodes_.size());
  Node node;
  node.byte = byte;
  node.depth = nodes_[static_cast<std::size_t>(state)].depth + 1;
  node.sibling = nodes_[static_cast<std::size_t>(state)].child;
  nodes_.push_back(node);
  nodes_[static_cast<std::size_t>(state)].child = added;
  return added;
}

// Suffix links, shorter texts first.
void BytePatterns::link() {
  std::vector<State> order{kStart};
  for (std::size_t i = 0; i < order.size(); ++i) {
    const State parent = order[i];
    for (State at = nodes_[static_cast<std::size_t>(parent)].child; at != 0;
         at = nodes_[static_cast<std::size_t>(at)].sibling) {
      Node& node = nodes_[static_cast<std::size_t>(at)];
      node.fallback = parent == kStart ? kStart : next(nodes_[static_cast<std::size_t>(parent)].fallback, node.byte);
      node.ending = node.pattern != kNone ? at : nodes_[static_cast<std::size_t>(node.fallback)].ending;
      order.push_back(at);
    }
  }
}

BytePatterns::State BytePatterns::next(State state, char byte) const {
  for (;;) {
    const State found = child(state, byte);
    if (found != 0 || state == kStart) return found;
    state = nodes_[static_cast<std::size_t>(state)].fallback;
  }
}

std::int32_t BytePatterns::ending(State state) const {
  const State at = nodes_[static_cast<std::size_t>(state)].ending;
  return at == kNone ? kNone : nodes_[static_cast<std::size_t>(at)].pattern;
}

BytePatterns::State BytePatterns::shorter(State state) const {
  const State at = nodes_[static_cast<std::size_t>(state)].ending;
  return at == kNone ? kStart : nodes_[static_cast<std::size_t>(at)].fallback;
}

bool BytePatterns::is_in(std::string_view text) const {
  State state = kStart;
  return std::any_of(text.begin(), text.end(), [&](char byte) {
    state = next(state, byte);
    return ending(state) != kNone;
  });
}

}  // namespace hearth
