// Gated root mean square normalization of one group in double precision.
#pragma once

#include <cmath>
#include <span>
#include <vector>

namespace hearth::reference {

inline std::vector<double> gated_rms_norm(std::span<const float> x, std::span<const float> gate,
                                          std::span<const float> weight, double epsilon, bool sigmoid,
                                          bool gate_first) {
  std::vector<double> y(x.begin(), x.end()), factor;
  for (const float z : gate)
    factor.push_back((sigmoid ? 1.0 : static_cast<double>(z)) / (1 + std::exp(-static_cast<double>(z))));
  double sum = 0;
  for (std::size_t i = 0; i < y.size(); ++i) {
    if (gate_first) y[i] *= factor[i];
    sum += y[i] * y[i];
  }
  const double scale = 1 / std::sqrt(sum / static_cast<double>(y.size()) + epsilon);
  for (std::size_t i = 0; i < y.size(); ++i) y[i] *= scale * weight[i] * (gate_first ? 1 : factor[i]);
  return y;
}

}  // namespace hearth::reference
