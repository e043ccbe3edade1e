// The scalar reference of the nonlinearities, in double precision.
#pragma once

#include <cmath>

#include "base/check.h"
#include "kernels/activation/activation.h"

namespace hearth::reference {

inline double activation(Activation kind, double x, const XieluParameters& xielu = {}) {
  constexpr double kPi = 3.14159265358979323846;
  switch (kind) {
    case Activation::kSilu:
      return x / (1 + std::exp(-x));
    case Activation::kGelu:
      return 0.5 * x * std::erfc(-x / std::sqrt(2.0));
    case Activation::kGeluTanh: {
      // The paper's 0.5 x (1 + tanh(u)), with 1 + tanh(u) = 2 / (1 + e^(-2u)), which keeps digits for negative u.
      const double u = std::sqrt(2 / kPi) * (x + 0.044715 * x * x * x);
      return x / (1 + std::exp(-2 * u));
    }
    case Activation::kGeluQuick:
      return x / (1 + std::exp(-1.702 * x));
    case Activation::kRelu:
      return x > 0 ? x : 0;
    case Activation::kReluSquared:
      return x > 0 ? x * x : 0;
    case Activation::kXielu: {
      const double linear = static_cast<double>(xielu.linear) * x;
      if (x > 0) return static_cast<double>(xielu.positive) * x * x + linear;
      const double clamped = std::fmin(x, static_cast<double>(xielu.eps));
      return (std::expm1(clamped) - x) * static_cast<double>(xielu.negative) + linear;
    }
  }
  CHECK(false);
}

}  // namespace hearth::reference
