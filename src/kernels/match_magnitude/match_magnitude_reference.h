// The scalar reference of matching magnitudes, in double precision.
#pragma once

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

namespace hearth::reference {

// Of one row.
inline std::vector<double> match_magnitude(std::span<const float> x, std::span<const float> like, double least) {
  const auto mean_square = [](std::span<const float> row) {
    double sum = 0;
    for (const double value : row) sum += value * value;
    return sum / static_cast<double>(row.size());
  };
  const double own = std::max(mean_square(x), least);
  const double factor = own > 0 ? std::sqrt(mean_square(like) / own) : 1.0;
  std::vector<double> out;
  for (const double value : x) out.push_back(value * factor);
  return out;
}

}  // namespace hearth::reference
