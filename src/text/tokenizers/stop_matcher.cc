#include "text/tokenizers/stop_matcher.h"

#include <algorithm>
#include <utility>

namespace hearth {
namespace {

// Whether a longer text may have `stop` at `at`, where `text` ends within it.
bool may_begin(std::string_view text, std::size_t at, std::string_view stop) {
  return text.size() - at < stop.size() && stop.starts_with(text.substr(at));
}

}  // namespace

std::string StopMatcher::push(std::string_view piece) {
  if (stops_.empty()) return std::string(piece);
  held_ += piece;
  // From left to right, so that a stop that is complete waits for an earlier one that may become so.
  for (std::size_t at = 0; at < held_.size(); ++at) {
    const std::string_view rest = std::string_view(held_).substr(at);
    for (const std::string& stop : stops_) {
      if (may_begin(held_, at, stop)) {
        std::string certain = held_.substr(0, at);
        held_.erase(0, at);
        return certain;
      }
      if (!rest.starts_with(stop)) continue;
      found_ = stop;
      std::string certain = held_.substr(0, at);
      held_.clear();
      return certain;
    }
  }
  return std::exchange(held_, {});
}

std::string StopMatcher::finish() {
  // What waited for an earlier stop may hold a complete one.
  std::size_t first = std::string::npos;
  for (const std::string& stop : stops_) {
    const std::size_t at = held_.find(stop);
    if (at >= first) continue;  // npos is the largest
    first = at;
    found_ = stop;
  }
  return std::exchange(held_, {}).substr(0, first);
}

}  // namespace hearth
