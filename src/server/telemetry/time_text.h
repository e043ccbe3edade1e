// Times of day as logs and answers write them.
#pragma once

#include <chrono>
#include <string>

namespace hearth {

// "2026-11-23T02:11:00.123Z" (RFC 3339, in UTC), with so many digits of a second's fraction: 0 to 9.
std::string time_text(std::chrono::system_clock::time_point time, int fraction_digits);

}  // namespace hearth
