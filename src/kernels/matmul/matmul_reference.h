// The matrix product in double precision.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace hearth::reference {

// y[t][n] = scale * sum_k x[t][k] * w[n][k] + bias[n]; `bias` may be empty.
inline std::vector<double> matmul(std::span<const double> x, std::span<const float> w, std::span<const float> bias,
                                  double scale, std::int64_t k) {
  const auto columns = static_cast<std::size_t>(k);
  const std::size_t token_count = x.size() / columns, n = w.size() / columns;
  std::vector<double> y(token_count * n);
  for (std::size_t t = 0; t < token_count; ++t) {
    for (std::size_t r = 0; r < n; ++r) {
      double sum = 0;
      for (std::size_t i = 0; i < columns; ++i) sum += x[t * columns + i] * static_cast<double>(w[r * columns + i]);
      y[t * n + r] = scale * sum + (bias.empty() ? 0.0 : static_cast<double>(bias[r]));
    }
  }
  return y;
}

}  // namespace hearth::reference
