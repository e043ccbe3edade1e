// The loop that byte-pair encoding and SentencePiece share: of all neighbours that may merge, the pair of the best rank
// does, the leftmost of equals, until none may. Linear but for logarithms, whatever the text: candidates wait in one
// list per rank, and a list is worked off from left to right, so that memory is walked in order.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <queue>
#include <vector>

#include "text/tokenizers/vocabulary.h"

namespace hearth {

struct Symbol {
  std::uint32_t begin;  // bytes of the piece
  std::uint32_t bytes;  // 0: merged into its left neighbour
  TokenId id;           // kNoToken: no token spells it
  std::int32_t previous = -1;
  std::int32_t next = -1;
};

struct Merge {
  std::uint32_t rank;  // the lowest goes first
  TokenId id;          // of the result
};

// A merge of the symbol at `left` with its neighbour, as both were when it was noted.
struct MergeCandidate {
  std::uint32_t left;
  std::uint32_t left_bytes;
  std::uint32_t bytes;  // of both
  TokenId id;
};

// Candidates by rank, then from left to right.
class MergeQueue {
 public:
  explicit MergeQueue(std::size_t rank_count) : lists_(rank_count, kNone) {}

  void push(std::uint32_t rank, const MergeCandidate& candidate);
  std::optional<MergeCandidate> pop();

 private:
  static constexpr std::uint32_t kNone = 0xFFFFFFFF;
  struct Entry {
    MergeCandidate candidate;
    std::uint32_t next;
  };
  struct FurtherRight {
    bool operator()(const MergeCandidate& a, const MergeCandidate& b) const { return a.left > b.left; }
  };
  // A rank that is being worked off.
  struct Active {
    std::uint32_t rank = 0;
    std::vector<MergeCandidate> sorted;
    std::size_t next = 0;
    std::vector<MergeCandidate> late;  // a heap: what came while this rank was active

    bool empty() const { return next == sorted.size() && late.empty(); }
    MergeCandidate take();
    void add_late(const MergeCandidate& candidate);
  };

  void activate(std::uint32_t rank);
  // Visits the candidates that wait in a rank's list, the newest first, and empties it.
  template <typename Visit>
  void take_list(std::uint32_t rank, const Visit& visit);

  std::vector<std::uint32_t> lists_;  // by rank: the newest entry that waits
  std::vector<Entry> entries_;
  std::uint32_t free_ = kNone;
  std::priority_queue<std::uint32_t, std::vector<std::uint32_t>, std::greater<>> ranks_;  // those of which entries wait
  std::vector<Active> active_;  // the first `active_count_`; the lowest rank last
  std::size_t active_count_ = 0;
};

// Merges in place; afterwards the symbols that were merged into others are gone. `rule(left, right)` gives an optional
// Merge, of a rank below the queue's rank_count; the queue is empty before and after.
template <typename Rule>
void merge_symbols(std::vector<Symbol>& symbols, MergeQueue& queue, const Rule& rule) {
  const auto consider = [&](std::int32_t left_index) {
    const Symbol& left = symbols[static_cast<std::size_t>(left_index)];
    if (left.next < 0) return;
    const Symbol& right = symbols[static_cast<std::size_t>(left.next)];
    const std::optional<Merge> merge = rule(left, right);
    if (!merge) return;
    queue.push(merge->rank, {static_cast<std::uint32_t>(left_index), left.bytes, left.bytes + right.bytes, merge->id});
  };
  const auto count = static_cast<std::int32_t>(symbols.size());
  for (std::int32_t i = 0; i < count; ++i) {
    symbols[static_cast<std::size_t>(i)].previous = i - 1;
    symbols[static_cast<std::size_t>(i)].next = i + 1 < count ? i + 1 : -1;
  }
  for (std::int32_t i = 0; i + 1 < count; ++i) consider(i);
  while (const std::optional<MergeCandidate> candidate = queue.pop()) {
    Symbol& left = symbols[candidate->left];
    // Symbols only grow, so that the same lengths mean the same two symbols as when the candidate was noted.
    if (left.bytes != candidate->left_bytes || left.next < 0) continue;
    Symbol& right = symbols[static_cast<std::size_t>(left.next)];
    if (left.bytes + right.bytes != candidate->bytes) continue;
    left.bytes = candidate->bytes;
    left.id = candidate->id;
    right.bytes = 0;
    left.next = right.next;
    if (left.next >= 0) {
      symbols[static_cast<std::size_t>(left.next)].previous = static_cast<std::int32_t>(candidate->left);
    }
    if (left.previous >= 0) consider(left.previous);
    consider(static_cast<std::int32_t>(candidate->left));
  }
  std::erase_if(symbols, [](const Symbol& symbol) { return symbol.bytes == 0; });
}

}  // namespace hearth
