#include "commands/measure/statistics.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace hearth {
namespace {

double mean_value(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

}  // namespace

Estimate mean_of(std::span<const double> values) {
  if (values.empty()) return {};
  return {mean_value(values), values.size() < 2 ? 0 : std::sqrt(covariance_of_means(values, values))};
}

double covariance_of_means(std::span<const double> a, std::span<const double> b) {
  const auto count = static_cast<double>(a.size());
  if (count < 2) return 0;
  const double mean_a = mean_value(a), mean_b = mean_value(b);
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - mean_a) * (b[i] - mean_b);
  return sum / count / (count - 1);
}

Estimate root_mean_square(std::span<const double> values) {
  std::vector<double> squares(values.begin(), values.end());
  for (double& value : squares) value *= value;
  const Estimate mean = mean_of(squares);
  const double root = std::sqrt(mean.value);
  return {root, root > 0 ? mean.error / (2 * root) : 0};
}

Estimate share_of(double holds, double count) {
  if (count <= 0) return {};
  const double share = holds / count;
  return {share, count < 2 ? 0 : std::sqrt(share * (1 - share) / (count - 1))};
}

double percentile(std::span<const double> sorted, double fraction) {
  const double place = fraction * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  if (sorted[below] == sorted[above]) return sorted[below];
  const double part = place - static_cast<double>(below);
  return (1 - part) * sorted[below] + part * sorted[above];
}

std::vector<double> sorted_copy(std::span<const double> values) {
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  return sorted;
}

}  // namespace hearth
