// The scalar reference of the residual addition, in double precision.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace hearth::reference {

inline std::vector<double> residual_add(std::span<const float> x, std::span<const float> delta, double scale = 1) {
  std::vector<double> out(x.begin(), x.end());
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = (out[i] + static_cast<double>(delta[i])) * scale;
  return out;
}

}  // namespace hearth::reference
