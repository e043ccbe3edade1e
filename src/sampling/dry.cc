// Repetitions are found with the Z function of the reversed history: z[k] is the length that the history's end has in
// common with what ends k tokens earlier.
#include "sampling/dry.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace hearth {

std::unordered_map<std::int32_t, std::int32_t> repeated_lengths(std::span<const std::int32_t> history,
                                                                std::size_t length_max) {
  const std::size_t n = history.size();
  const auto reversed = [&](std::size_t i) { return history[n - 1 - i]; };
  std::unordered_map<std::int32_t, std::int32_t> lengths;
  std::vector<std::size_t> z(n);
  std::size_t left = 0, right = 0;  // reversed [left, right) equals its beginning
  for (std::size_t k = 1; k < n; ++k) {
    std::size_t length = k < right ? std::min(right - k, z[k - left]) : 0;
    while (k + length < n && reversed(length) == reversed(k + length)) ++length;
    z[k] = length;
    if (k + length > right) {
      left = k;
      right = k + length;
    }
    const auto counted = static_cast<std::int32_t>(std::min(length, length_max));
    if (counted == 0) continue;
    std::int32_t& longest = lengths[reversed(k - 1)];
    longest = std::max(longest, counted);
  }
  return lengths;
}

std::unordered_map<std::int32_t, double> penalties_of(const std::unordered_map<std::int32_t, std::int32_t>& lengths,
                                                      const SamplerOptions& options) {
  std::unordered_map<std::int32_t, double> penalties;
  for (const auto& [token, length] : lengths) {
    if (length < options.dry_allowed_length) continue;
    const double penalty =
        options.dry_multiplier * std::pow(double{options.dry_base}, length - options.dry_allowed_length);
    penalties[token] = std::min(penalty, double{std::numeric_limits<float>::max()});
  }
  return penalties;
}

bool BreakerScanner::ends_in(std::string_view bytes) {
  bool found = false;
  for (const char byte : bytes) {
    state_ = patterns_.next(state_, byte);
    found = found || patterns_.ending(state_) != BytePatterns::kNone;
  }
  return found;
}

}  // namespace hearth
