// The scalar reference of rotary position embedding, in double precision.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/rope/rope.h"

namespace hearth::reference {

// (scale * cos, scale * sin) of position * frequency, for every position and frequency.
inline std::vector<double> rope_table(std::span<const std::int32_t> positions,
                                      std::span<const double> inverse_frequencies, double scale) {
  std::vector<double> table;
  for (const std::int32_t position : positions) {
    for (const double frequency : inverse_frequencies) {
      table.push_back(scale * std::cos(position * frequency));
      table.push_back(scale * std::sin(position * frequency));
    }
  }
  return table;
}

// Turns the pairs of one head by the angles of `table`, [pairs, 2].
inline std::vector<double> rope_head(std::span<const float> head, std::span<const float> table, RopePairs pairs) {
  std::vector<double> out(head.begin(), head.end());
  const std::size_t pair_count = table.size() / 2;
  for (std::size_t i = 0; i < pair_count; ++i) {
    const std::size_t first = pairs == RopePairs::kAdjacent ? 2 * i : i;
    const std::size_t second = pairs == RopePairs::kAdjacent ? 2 * i + 1 : i + pair_count;
    const double x = head[first], y = head[second], cos = table[2 * i], sin = table[2 * i + 1];
    out[first] = x * cos - y * sin;
    out[second] = x * sin + y * cos;
  }
  return out;
}

}  // namespace hearth::reference
