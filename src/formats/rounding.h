// What the encoders share. No input is undefined: a NaN is encoded as 0, and what lies beyond a format's range,
// infinities included, as the nearest value that the format has.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "formats/float16.h"

namespace hearth {

inline float to_finite(float value) {
  constexpr float kMax = std::numeric_limits<float>::max();
  return std::isnan(value) ? 0.0f : std::clamp(value, -kMax, kMax);
}

// The integer part of `value`, clamped; 0 if it is a NaN (0 times an overflowed reciprocal).
inline int truncate_clamped(float value, int low, int high) {
  if (std::isnan(value)) return std::clamp(0, low, high);
  return static_cast<int>(std::clamp(value, static_cast<float>(low), static_cast<float>(high)));
}

// The nearest integer, halves away from zero.
inline int round_clamped(float value, int low, int high) {
  return truncate_clamped(std::round(value), low, high);
}

inline std::uint16_t f32_to_f16_saturated(float value) {
  return f32_to_f16(std::clamp(value, -kF16Max, kF16Max));
}

}  // namespace hearth
