// Means with their errors, and percentiles: what measurements over many tokens or questions are reported as.
#pragma once

#include <span>
#include <vector>

namespace hearth {

// A value and its standard error.
struct Estimate {
  double value = 0, error = 0;
};

// The mean; its error is the standard deviation divided by the root of the count less one. Of nothing: zero.
Estimate mean_of(std::span<const double> values);
// Of the means of two lists that belong together, pair by pair.
double covariance_of_means(std::span<const double> a, std::span<const double> b);
// The root of the mean of squares.
Estimate root_mean_square(std::span<const double> values);
// Of how many of `count` something holds.
Estimate share_of(double holds, double count);

// Between the two values of a sorted list that are nearest to a fraction of its length; the list is not empty.
double percentile(std::span<const double> sorted, double fraction);
std::vector<double> sorted_copy(std::span<const double> values);

}  // namespace hearth
