#include "text/tokenizers/stop_matcher.h"

#include <algorithm>
#include <utility>

namespace hearth {

// Of the stops that end at `end` of what is held, and the one before, the first.
void StopMatcher::note_matches(std::size_t end) {
  for (auto state = state_; patterns_.ending(state) != BytePatterns::kNone; state = patterns_.shorter(state)) {
    const std::int32_t stop = patterns_.ending(state);
    const Match match{end - stops_[static_cast<std::size_t>(stop)].size(), stop};
    match_ = match_ ? std::min(*match_, match) : match;
  }
}

// Whether a stop that is not complete yet would come before the one that is.
bool StopMatcher::may_be_preceded(std::size_t end) const {
  return Match{end - patterns_.depth(state_), patterns_.first_beginning(state_)} < *match_;
}

std::string StopMatcher::end_at_match() {
  found_ = stops_[static_cast<std::size_t>(match_->stop)];
  return std::exchange(held_, {}).substr(0, match_->begin);
}

std::string StopMatcher::push(std::string_view piece) {
  if (stops_.empty()) return std::string(piece);
  const std::size_t known = held_.size();
  held_ += piece;
  for (std::size_t end = known + 1; end <= held_.size(); ++end) {
    state_ = patterns_.next(state_, held_[end - 1]);
    note_matches(end);
    if (match_ && !may_be_preceded(end)) return end_at_match();
  }
  const std::size_t certain = held_.size() - patterns_.depth(state_);
  std::string text = held_.substr(0, certain);
  held_.erase(0, certain);
  if (match_) match_->begin -= certain;  // what may precede it begins no later
  return text;
}

std::string StopMatcher::finish() {
  // What waited for an earlier stop may hold a complete one.
  return match_ ? end_at_match() : std::exchange(held_, {});
}

}  // namespace hearth
