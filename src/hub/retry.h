// How long to wait before something is tried again, and when to give up. Progress in between makes the count begin
// anew.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string_view>

namespace hearth {

class Retry {
 public:
  // `tries_max`: after the first one, without progress.
  Retry(int tries_max, std::function<bool()> stopped) : tries_max_(tries_max), stopped_(std::move(stopped)) {}

  void progressed() { tries_ = 0; }
  // Whether to try again; waits before it says yes: 0.2 s, then twice as long each time, at most 20 s, or what the
  // server asked for (at most five minutes). Throws Stopped.
  bool wait(std::optional<std::chrono::milliseconds> asked_for = std::nullopt);

 private:
  int tries_max_;
  std::function<bool()> stopped_;
  int tries_ = 0;
};

// A Retry-After: seconds, or a date (RFC 9110, 10.2.3); nullopt where it is neither.
std::optional<std::chrono::milliseconds> parse_retry_after(std::string_view text,
                                                           std::chrono::system_clock::time_point now);

}  // namespace hearth
