// The scalar reference of learned positions, in double precision.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace hearth::reference {

// x[t] + table[positions[t] + offset] for every token. `table` is [positions, width], decoded.
inline std::vector<double> position_add(std::span<const float> x, std::span<const std::int32_t> positions,
                                        std::int64_t offset, std::span<const float> table, std::int64_t width) {
  std::vector<double> out(x.begin(), x.end());
  for (std::size_t t = 0; t < positions.size(); ++t) {
    const std::int64_t row = positions[t] + offset;
    for (std::int64_t i = 0; i < width; ++i) {
      out[t * static_cast<std::size_t>(width) + static_cast<std::size_t>(i)] +=
          static_cast<double>(table[static_cast<std::size_t>(row * width + i)]);
    }
  }
  return out;
}

}  // namespace hearth::reference
