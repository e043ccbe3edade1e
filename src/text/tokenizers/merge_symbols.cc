// Ranks are activated one at a time; one is interrupted only when a merge makes a candidate of a lower rank.
#include "text/tokenizers/merge_symbols.h"

namespace hearth {

MergeCandidate MergeQueue::Active::take() {
  const bool late_first = !late.empty() && (next == sorted.size() || late.front().left < sorted[next].left);
  if (!late_first) return sorted[next++];
  std::pop_heap(late.begin(), late.end(), FurtherRight{});
  const MergeCandidate candidate = late.back();
  late.pop_back();
  return candidate;
}

void MergeQueue::Active::add_late(const MergeCandidate& candidate) {
  late.push_back(candidate);
  std::push_heap(late.begin(), late.end(), FurtherRight{});
}

void MergeQueue::push(std::uint32_t rank, const MergeCandidate& candidate) {
  if (active_count_ > 0 && active_[active_count_ - 1].rank == rank) {
    active_[active_count_ - 1].add_late(candidate);
    return;
  }
  std::uint32_t& list = lists_[rank];
  if (list == kNone) ranks_.push(rank);
  std::uint32_t place = free_;
  if (place == kNone) {
    place = static_cast<std::uint32_t>(entries_.size());
    entries_.emplace_back();
  } else {
    free_ = entries_[place].next;
  }
  entries_[place] = {candidate, list};
  list = place;
}

template <typename Visit>
void MergeQueue::take_list(std::uint32_t rank, const Visit& visit) {
  for (std::uint32_t place = lists_[rank]; place != kNone;) {
    visit(entries_[place].candidate);
    const std::uint32_t next = entries_[place].next;
    entries_[place].next = free_;
    free_ = place;
    place = next;
  }
  lists_[rank] = kNone;
}

void MergeQueue::activate(std::uint32_t rank) {
  if (active_count_ > 0 && active_[active_count_ - 1].rank == rank) {  // it was interrupted, and got more meanwhile
    Active& active = active_[active_count_ - 1];
    take_list(rank, [&](const MergeCandidate& candidate) { active.add_late(candidate); });
    return;
  }
  if (active_count_ == active_.size()) active_.emplace_back();
  Active& active = active_[active_count_++];
  active.rank = rank;
  active.next = 0;
  active.sorted.clear();
  take_list(rank, [&](const MergeCandidate& candidate) { active.sorted.push_back(candidate); });
  // A list runs from its newest entry to its oldest, which is mostly from right to left.
  std::reverse(active.sorted.begin(), active.sorted.end());
  const auto left_first = [](const MergeCandidate& a, const MergeCandidate& b) { return a.left < b.left; };
  if (!std::is_sorted(active.sorted.begin(), active.sorted.end(), left_first)) {
    std::sort(active.sorted.begin(), active.sorted.end(), left_first);
  }
}

std::optional<MergeCandidate> MergeQueue::pop() {
  for (;;) {
    while (active_count_ > 0 && active_[active_count_ - 1].empty()) --active_count_;
    if (!ranks_.empty() && (active_count_ == 0 || ranks_.top() <= active_[active_count_ - 1].rank)) {
      const std::uint32_t rank = ranks_.top();
      ranks_.pop();
      activate(rank);
      continue;
    }
    if (active_count_ == 0) return std::nullopt;
    return active_[active_count_ - 1].take();
  }
}

}  // namespace hearth
