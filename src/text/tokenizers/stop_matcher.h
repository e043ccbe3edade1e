// Finds the end of an answer in text that comes in pieces: the first place where one of several texts stands. What may
// be the beginning of one is held back until it is certain.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hearth {

class StopMatcher {
 public:
  StopMatcher() = default;
  explicit StopMatcher(std::vector<std::string> stops) : stops_(std::move(stops)) {}  // none is empty

  // The text that is certain to stand before any stop. Once one is found, what stands before it was returned, found()
  // says which it was, and nothing more is to be pushed.
  std::string push(std::string_view piece);
  // The text's end: what was held back is no stop.
  std::string finish();

  // The stop that begins first; of those that begin at one place, the first of the list.
  const std::optional<std::string>& found() const { return found_; }

 private:
  std::vector<std::string> stops_;
  std::string held_;
  std::optional<std::string> found_;
};

}  // namespace hearth
