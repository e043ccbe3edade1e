// Rows in two parts, each copied to a place of its own: a head's query goes to two products, each of which reads its
// part as rows without gaps (latent attention).
#pragma once

#include <cstdint>

namespace hearth {

// What rows are multiplied by, which grows with the position p of their token: 1 + beta ln(1 + floor(p / length)), as
// Llama 4 scales queries beyond the context that it was trained on. beta 0: nothing.
struct PositionScale {
  float beta = 0;
  std::int64_t length = 1;
};

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
