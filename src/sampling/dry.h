// DRY ("don't repeat yourself"): a penalty on the token that would continue a repetition, growing exponentially with
// the length of what is repeated already. Sequence breakers, such as a line's end, end a repetition: the text before
// the last of them does not count.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/byte_patterns.h"
#include "sampling/sampler_options.h"

namespace hearth {

// For every token that followed an earlier occurrence of the end of `history`: the length of the longest such
// occurrence, no longer than `length_max`. Linear in the history's length.
std::unordered_map<std::int32_t, std::int32_t> repeated_lengths(std::span<const std::int32_t> history,
                                                                std::size_t length_max);

// What is to be subtracted from the logit of each token whose length is at least `dry_allowed_length`: multiplier *
// base^(length - allowed_length), and no more than float32 holds.
std::unordered_map<std::int32_t, double> penalties_of(const std::unordered_map<std::int32_t, std::int32_t>& lengths,
                                                      const SamplerOptions& options);

// Finds sequence breakers in a text that arrives token by token, also those that span tokens.
class BreakerScanner {
 public:
  explicit BreakerScanner(const std::vector<std::string>& breakers) : patterns_(breakers) {}

  // Whether a breaker ends within these bytes, which follow all those given before.
  bool ends_in(std::string_view bytes);
  bool contains_breaker(std::string_view bytes) const { return patterns_.is_in(bytes); }

  // How far the text has come; it goes on from there as often as it is told to.
  BytePatterns::State state() const { return state_; }
  void go_back(BytePatterns::State state) { state_ = state; }

 private:
  BytePatterns patterns_;
  BytePatterns::State state_ = BytePatterns::kStart;
};

}  // namespace hearth
