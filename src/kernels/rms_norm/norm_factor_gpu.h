// What kernels that normalize rows by their root mean square share: the factor of a row whose elements are in
// registers.
#pragma once

#include "device/gpu/gpu.h"
#include "kernels/gpu/gpu_rows.h"

namespace hearth::gpu {

// Rows whose squares overflow are scaled by this.
inline constexpr float kSquaresDown = 0x1p-80f;

// An element becomes value * scale * factor.
struct NormFactor {
  float scale, factor;
};

// What four elements add to the sum of squares.
HEARTH_DEVICE float add_squares(float sum, const Floats4& v, float scale) {
  HEARTH_UNROLL
  for (int i = 0; i < 4; ++i) {
    const float scaled = v.value[i] * scale;
    sum = fma_exact(scaled, scaled, sum);
  }
  return sum;
}

HEARTH_DEVICE NormFactor norm_factor(float sum, float scale, int width, float epsilon) {
  return {scale, 1.0f / sqrt_exact(sum / static_cast<float>(width) + epsilon * scale * scale)};
}

// Of a row of `width` elements, of which each thread holds some and zeros for what is beyond the end; total(sum,
// attempt) adds the threads' sums. All of the wave take part.
template <int kVectors, class Total>
HEARTH_DEVICE NormFactor norm_factor(const Floats4 (&values)[kVectors], int width, float epsilon, Total total) {
  float sum = 0.0f, scale = 1.0f;
  HEARTH_UNROLL
  for (int j = 0; j < kVectors; ++j) sum = add_squares(sum, values[j], 1.0f);
  sum = total(sum, 0);
  if (ballot(!(sum < __builtin_inff())) != 0) {
    float scaled_sum = 0.0f;
    HEARTH_UNROLL
    for (int j = 0; j < kVectors; ++j) scaled_sum = add_squares(scaled_sum, values[j], kSquaresDown);
    scaled_sum = total(scaled_sum, 1);
    if (!(sum < __builtin_inff())) sum = scaled_sum, scale = kSquaresDown;
  }
  return norm_factor(sum, scale, width, epsilon);
}

// An element of a normalized row, always in this order.
HEARTH_DEVICE Floats4 normalized(const Floats4& v, const Floats4& weight, const NormFactor& f) {
  Floats4 out;
  HEARTH_UNROLL
  for (int e = 0; e < 4; ++e) out.value[e] = v.value[e] * f.scale * f.factor * weight.value[e];
  return out;
}

}  // namespace hearth::gpu
