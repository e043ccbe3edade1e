// Layer normalization (Ba, Kiros and Hinton 2016).
#pragma once

#include <cstdint>

namespace hearth {

// out[r][i] = (x[r][i] - mean) / sqrt(variance + epsilon) * weight[i] + bias[i]. In place is allowed.
struct LayerNormArgs {
  const float* x;  // [rows, width]
  std::int64_t row_count;
  std::int64_t width;
  const float* weight;  // [width]
  const float* bias;    // [width], or null
  float epsilon;
  float* out;  // [rows, width]
};

}  // namespace hearth
