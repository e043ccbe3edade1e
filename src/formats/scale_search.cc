// Both searches quantize with a row of trial scales around the one that spans the group, solve the weighted
// least-squares problem that each trial's integers pose, keep the best, and polish it: quantizing with a solution and
// solving again never makes the error larger.
#include "formats/scale_search.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

namespace hearth {
namespace {

constexpr int kTrials = 10;  // on either side, a tenth of a step apart
constexpr int kPolishSteps = 4;

// Dividing by the scale is multiplying by this; a zero scale represents nothing but zero.
double inverse_of(double scale) {
  return scale != 0 ? 1 / scale : 0.0;
}

// What the least-squares problem of a group and its integers needs: weighted sums of 1, q, q^2, x, qx and x^2.
struct Sums {
  double w = 0, wq = 0, wqq = 0, wx = 0, wqx = 0, wxx = 0;

  Sums(std::span<const float> x, std::span<const double> weights, ScaleMin trial, IntegerRange range) {
    const double inverse = inverse_of(trial.scale);
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double value = x[i], q = range.nearest((value + trial.min) * inverse);
      w += weights[i];
      wq += weights[i] * q;
      wqq += weights[i] * q * q;
      wx += weights[i] * value;
      wqx += weights[i] * q * value;
      wxx += weights[i] * value * value;
    }
  }

  double error(ScaleMin fit) const {
    const auto [s, m] = fit;
    return wxx + s * s * wqq + m * m * w - 2 * s * wqx + 2 * m * wx - 2 * s * m * wq;
  }
};

struct Solution {
  ScaleMin fit{};
  double error = std::numeric_limits<double>::infinity();
};

Solution solve_scale_and_min(const Sums& sums, ScaleMin trial) {
  ScaleMin fit = trial;
  const double determinant = sums.w * sums.wqq - sums.wq * sums.wq;
  if (determinant > 0) {  // otherwise the integers are all the same, and determine nothing
    fit = {(sums.w * sums.wqx - sums.wx * sums.wq) / determinant,
           (sums.wq * sums.wqx - sums.wqq * sums.wx) / determinant};
    if (fit.min < 0 || fit.scale < 0) fit = {std::max(0.0, sums.wqx / sums.wqq), 0.0};  // the best with min = 0
  }
  return {fit, sums.error(fit)};
}

Solution solve_scale(const Sums& sums, double trial) {
  const ScaleMin fit{sums.wqq > 0 ? sums.wqx / sums.wqq : trial, 0.0};
  return {fit, sums.error(fit)};
}

}  // namespace

void search_weights(std::span<const float> x, std::span<double> weights) {
  double squares = 0;
  for (const float value : x) squares += double{value} * value;
  const double rms = std::sqrt(squares / static_cast<double>(x.size()));
  for (std::size_t i = 0; i < x.size(); ++i) weights[i] = rms + std::fabs(x[i]);
}

void quantize(std::span<const float> x, ScaleMin fit, IntegerRange range, std::span<int> q) {
  const double inverse = inverse_of(fit.scale);
  for (std::size_t i = 0; i < x.size(); ++i) q[i] = range.nearest((x[i] + fit.min) * inverse);
}

double weighted_error(std::span<const float> x, std::span<const double> weights, ScaleMin fit, IntegerRange range) {
  const double inverse = inverse_of(fit.scale);
  double sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double q = range.nearest((x[i] + fit.min) * inverse);
    const double difference = x[i] - (fit.scale * q - fit.min);
    sum += weights[i] * difference * difference;
  }
  return sum;
}

ScaleMin fit_scale_and_min(std::span<const float> x, std::span<const double> weights, int q_max) {
  const auto [smallest, largest] = std::minmax_element(x.begin(), x.end());
  const double min = std::max(0.0, -double{*smallest});
  const double span = *largest + min;
  if (!(span > 0)) return {0.0, min};
  const IntegerRange range{0, q_max};
  const auto attempt = [&](ScaleMin trial) { return solve_scale_and_min(Sums(x, weights, trial, range), trial); };
  Solution best;
  for (int step = -kTrials; step <= kTrials; ++step) {
    const Solution solution = attempt({span / (q_max + 0.1 * step), min});
    if (solution.error < best.error) best = solution;
  }
  for (int step = 0; step < kPolishSteps; ++step) {
    const Solution solution = attempt(best.fit);
    if (!(solution.error < best.error)) break;
    best = solution;
  }
  return best.fit;
}

double fit_scale(std::span<const float> x, std::span<const double> weights, int n) {
  const auto extreme =
      std::max_element(x.begin(), x.end(), [](float a, float b) { return std::fabs(a) < std::fabs(b); });
  if (*extreme == 0.0f) return 0.0;
  const IntegerRange range{-n, n - 1};
  const auto attempt = [&](double trial) { return solve_scale(Sums(x, weights, {trial, 0.0}, range), trial); };
  Solution best;
  for (int step = -kTrials; step <= kTrials; ++step) {
    // -n reaches further than n - 1: the extreme goes there, whatever its sign.
    const Solution solution = attempt(*extreme / -(n + 0.1 * step));
    if (solution.error < best.error) best = solution;
  }
  for (int step = 0; step < kPolishSteps; ++step) {
    const Solution solution = attempt(best.fit.scale);
    if (!(solution.error < best.error)) break;
    best = solution;
  }
  return best.fit.scale;
}

}  // namespace hearth
