// Rows in two parts, each copied to a place of its own: a head's query goes to two products, each of which reads its
// part as rows without gaps (latent attention).
#pragma once

#include <cstdint>

#include "kernels/rope/position_scale.h"

namespace hearth {

// first[r][:] = x[r][0 … first_width), second[r][:] = x[r][first_width … first_width + second_width).
struct SplitRowsArgs {
  const float* x;  // [rows, first_width + second_width]
  std::int64_t row_count;
  std::int64_t first_width;
  std::int64_t second_width;
  float* first;  // [rows, first_width], rows `first_stride` elements apart
  std::int64_t first_stride;
  float* second;  // likewise
  std::int64_t second_stride;
  PositionScale scale = {};
  const std::int32_t* positions = nullptr;  // [rows / rows_per_token]; not read where nothing is scaled
  std::int64_t rows_per_token = 1;
};

}  // namespace hearth
