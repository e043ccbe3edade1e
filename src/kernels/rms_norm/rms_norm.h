// Root mean square layer normalization (Zhang and Sennrich 2019).
#pragma once

#include <cstdint>

#include "formats/format.h"

namespace hearth {

// out[r][i] = x[r][i] / sqrt(mean(x[r]^2) + epsilon) * weight[i]. In place is allowed where out is float32.
// With `residual`, residual[r] += x[r] comes first, and that sum is what is normalized.
// A row is a token's whole vector, or one of its heads (query and key norms): then `groups` rows stand one after
// another in each of `row_count` strided rows.
struct RmsNormArgs {
  const float* x;  // [rows, groups, width]
  std::int64_t row_count;
  std::int64_t row_stride;
  std::int64_t group_count;
  std::int64_t width;
  const float* weight;  // [width]
  float epsilon;
  void* out;  // [rows, groups, width], rows `out_stride` elements apart
  std::int64_t out_stride;
  float* residual = nullptr;         // [rows, width], in place; only with one group
  Format out_format = Format::kF32;  // or kBf16; the CPU: kF32 only
};

}  // namespace hearth
