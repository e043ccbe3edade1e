// Layer normalization (Ba, Kiros and Hinton 2016).
#pragma once

#include <cstdint>

#include "formats/format.h"

namespace hearth {

// out[r][i] = (x[r][i] - mean) / sqrt(variance + epsilon) * weight[i] + bias[i]. In place is allowed where out
// is float32. With `residual`, residual[r] += x[r] comes first, and that sum is what is normalized.
// A row is a token's whole vector, or one of its heads (query and key norms): then `group_count` rows stand one after
// another in each of `row_count` strided rows, of x and of out.
struct LayerNormArgs {
  const float* x;  // [rows, groups, width]
  std::int64_t row_count;
  std::int64_t width;
  const float* weight;  // [width], or [groups, width]
  const float* bias;    // likewise, or null
  float epsilon;
  void* out;                         // [rows, groups, width]
  float* residual = nullptr;         // [rows, width], in place
  Format out_format = Format::kF32;  // or kBf16; the CPU: kF32 only
  std::int64_t group_count = 1;      // more than one: without `residual`
  std::int64_t row_stride = 0;       // elements; 0: rows follow each other
  std::int64_t weight_stride = 0;    // from a group's weight and bias to the next one's; 0: all have the same
};

}  // namespace hearth
