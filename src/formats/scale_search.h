// The searches behind the k-quant encoders: which scale (and minimum) represents a group of weights best. Errors are
// squared and weighted by `search_weights`; all arithmetic is in double, so that no finite float32 overflows.
#pragma once

#include <span>

namespace hearth {

// A group's form: x = scale * q - min with integers q.
struct ScaleMin {
  double scale;
  double min;
};

struct IntegerRange {
  int low;
  int high;

  // The nearest integer of the range to a number of any size.
  int nearest(double value) const {
    // Clamped first, so that the conversion is defined, and shifted, so that truncation rounds.
    const double floor = value > low ? value : low;
    const double clamped = floor < high ? floor : high;
    return static_cast<int>(clamped - low + 0.5) + low;
  }
};

// A weight's share of the error: its magnitude plus the group's root mean square. Large weights move a matrix
// product's result most, and small ones must not be free.
void search_weights(std::span<const float> x, std::span<double> weights);

// The integers that represent x best, and the sum of weight * (x - (scale * q - min))^2. A zero scale has q nearest 0.
void quantize(std::span<const float> x, ScaleMin fit, IntegerRange range, std::span<int> q);
double weighted_error(std::span<const float> x, std::span<const double> weights, ScaleMin fit, IntegerRange range);

// The best scale >= 0 and min >= 0 for integers in [0, q_max].
ScaleMin fit_scale_and_min(std::span<const float> x, std::span<const double> weights, int q_max);

// The best scale, of either sign, for integers in [-n, n - 1].
double fit_scale(std::span<const float> x, std::span<const double> weights, int n);

}  // namespace hearth
