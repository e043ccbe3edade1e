// Layer normalization (Ba, Kiros and Hinton 2016).
#pragma once

#include <cstdint>

#include "formats/format.h"

namespace hearth {

// out[r][i] = (x[r][i] - mean) / sqrt(variance + epsilon) * weight[i] + bias[i]. In place is allowed where out
// is float32. With `residual`, residual[r] += x[r] comes first, and that sum is what is normalized.
struct LayerNormArgs {
  const float* x;  // [rows, width]
  std::int64_t row_count;
  std::int64_t width;
  const float* weight;  // [width]
  const float* bias;    // [width], or null
  float epsilon;
  void* out;                         // [rows, width]
  float* residual = nullptr;         // [rows, width], in place
  Format out_format = Format::kF32;  // or kBf16; the CPU: kF32 only
};

}  // namespace hearth
