#include "server/telemetry/time_text.h"

#include <fmt/format.h>

#include <ctime>

namespace hearth {

std::string time_text(std::chrono::system_clock::time_point time, int fraction_digits) {
  const auto since_1970 = std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch());
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since_1970);
  const std::time_t whole = seconds.count();
  std::tm parts{};
  ::gmtime_r(&whole, &parts);
  std::string text = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", parts.tm_year + 1900, parts.tm_mon + 1,
                                 parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
  const std::string fraction = fmt::format("{:09}", (since_1970 - seconds).count());
  if (fraction_digits > 0) text += "." + fraction.substr(0, static_cast<std::size_t>(fraction_digits));
  return text + "Z";
}

}  // namespace hearth
