#include "hub/retry.h"

#include <algorithm>
#include <charconv>
#include <ctime>
#include <string>
#include <thread>

#include "hub/web_client.h"

namespace hearth {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFirst{200}, kLongest{20000}, kAskedMax{300000}, kPoll{50};

}  // namespace

bool Retry::wait(std::optional<milliseconds> asked_for) {
  if (tries_ >= tries_max_) return false;
  const milliseconds usual = std::min(kLongest, kFirst * (1 << std::min(tries_, 10)));
  ++tries_;
  const auto until =
      std::chrono::steady_clock::now() + std::clamp(asked_for.value_or(usual), milliseconds(0), kAskedMax);
  while (std::chrono::steady_clock::now() < until) {
    if (stopped_ && stopped_()) throw Stopped("stopped");
    std::this_thread::sleep_for(kPoll);
  }
  return true;
}

std::optional<milliseconds> parse_retry_after(std::string_view text, std::chrono::system_clock::time_point now) {
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error == std::errc{} && end == text.data() + text.size() && seconds >= 0) {
    return milliseconds(1000 * std::min<std::int64_t>(seconds, 1'000'000));
  }
  std::tm date{};
  const char* rest = ::strptime(std::string(text).c_str(), "%a, %d %b %Y %H:%M:%S GMT", &date);
  if (rest == nullptr) return std::nullopt;
  const auto at = std::chrono::system_clock::from_time_t(::timegm(&date));
  return std::max(milliseconds(0), std::chrono::duration_cast<milliseconds>(at - now));
}

}  // namespace hearth
