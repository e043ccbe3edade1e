// The scalar reference of layer normalization, in double precision.
#pragma once

#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

namespace hearth::reference {

// (x - mean) / sqrt(variance + epsilon) * weight + bias, of one row; an empty bias is none.
inline std::vector<double> layer_norm(std::span<const float> x, std::span<const float> weight,
                                      std::span<const float> bias, double epsilon) {
  const auto width = static_cast<double>(x.size());
  double mean = 0;
  for (const double value : x) mean += value / width;
  double variance = 0;
  for (const double value : x) variance += (value - mean) * (value - mean) / width;
  std::vector<double> out(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double normalized = (static_cast<double>(x[i]) - mean) / std::sqrt(variance + epsilon);
    out[i] = normalized * static_cast<double>(weight[i]) + (bias.empty() ? 0.0 : static_cast<double>(bias[i]));
  }
  return out;
}

}  // namespace hearth::reference
