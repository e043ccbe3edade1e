// The scalar reference of the gates' cutoff, in double precision.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include "kernels/gate_cutoff/gate_cutoff.h"

namespace hearth::reference {

// Of one row.
inline std::vector<double> gate_cutoff(std::span<const float> x, const GateCutoff& cutoff) {
  const auto width = static_cast<double>(x.size());
  double mean = 0, squares = 0;
  for (const double value : x) mean += value / width;
  for (const double value : x) squares += (value - mean) * (value - mean);
  const double count = cutoff.of_sample ? std::max(1.0, width - 1) : width;
  const double least = mean + static_cast<double>(cutoff.deviations) * std::sqrt(squares / count);
  std::vector<double> out;
  for (const double value : x) out.push_back(std::max(0.0, value - least));
  return out;
}

}  // namespace hearth::reference
