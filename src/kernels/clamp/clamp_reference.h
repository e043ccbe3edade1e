// The scalar reference of the clamp; no value is rounded.
#pragma once

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

namespace hearth::reference {

inline std::vector<float> clamp(std::span<const float> x, float limit) {
  std::vector<float> out(x.begin(), x.end());
  for (float& value : out) value = std::isnan(value) ? value : std::clamp(value, -limit, limit);
  return out;
}

}  // namespace hearth::reference
