// Finds the end of an answer in text that comes in pieces: the first place where one of several texts stands. What may
// be the beginning of one is held back until it is certain.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/byte_patterns.h"

namespace hearth {

class StopMatcher {
 public:
  StopMatcher() = default;
  explicit StopMatcher(std::vector<std::string> stops)
      : stops_(std::move(stops)), patterns_(stops_) {}  // none is empty

  // The text that is certain to stand before any stop. Once one is found, what stands before it was returned, found()
  // says which it was, and nothing more is to be pushed.
  std::string push(std::string_view piece);
  // The text's end: what was held back is no stop.
  std::string finish();

  // The stop that begins first; of those that begin at one place, the first of the list.
  const std::optional<std::string>& found() const { return found_; }

 private:
  // A complete stop, which counts unless one that is not complete yet comes before it.
  struct Match {
    std::size_t begin;  // in held_
    std::int32_t stop;
    auto operator<=>(const Match&) const = default;
  };
  void note_matches(std::size_t end);
  bool may_be_preceded(std::size_t end) const;
  std::string end_at_match();

  std::vector<std::string> stops_;
  BytePatterns patterns_;
  BytePatterns::State state_ = BytePatterns::kStart;
  std::string held_;
  std::optional<Match> match_;
  std::optional<std::string> found_;
};

}  // namespace hearth
