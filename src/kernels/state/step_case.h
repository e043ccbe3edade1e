// Ways to take sequences through steps, for the tests of operators with a state: all give the same bits.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/state/state_case.h"

namespace hearth::kernel_testing {

// Sequence i has lengths[i] tokens and the slot slots[i]. Up to `chunk` tokens of each in a step, and the sequences in
// another order than their own.
inline std::vector<std::vector<StatePart>> chunked_steps(std::span<const std::int32_t> lengths,
                                                         std::span<const std::int32_t> slots, std::int32_t chunk) {
  std::vector<std::vector<StatePart>> steps;
  for (std::int32_t at = 0; at < *std::max_element(lengths.begin(), lengths.end()); at += chunk) {
    steps.emplace_back();
    for (std::size_t s = lengths.size(); s-- > 0;) {
      if (at >= lengths[s]) continue;
      steps.back().push_back({static_cast<std::int32_t>(s), at, std::min(at + chunk, lengths[s]), slots[s]});
    }
  }
  return steps;
}

// Everything in one step.
inline std::vector<std::vector<StatePart>> whole_step(std::span<const std::int32_t> lengths,
                                                      std::span<const std::int32_t> slots) {
  return chunked_steps(lengths, slots, *std::max_element(lengths.begin(), lengths.end()));
}

}  // namespace hearth::kernel_testing
