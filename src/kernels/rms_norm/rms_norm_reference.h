// The scalar reference of root mean square normalization, in double precision.
#pragma once

#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

namespace hearth::reference {

// x / sqrt(mean(x^2) + epsilon) * weight, of one row.
inline std::vector<double> rms_norm(std::span<const float> x, std::span<const float> weight, double epsilon) {
  double sum = 0;
  for (const double value : x) sum += value * value;
  const double root = std::sqrt(sum / static_cast<double>(x.size()) + epsilon);
  std::vector<double> out(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) out[i] = static_cast<double>(x[i]) / root * static_cast<double>(weight[i]);
  return out;
}

}  // namespace hearth::reference
