// Rows that are made as long as others (Gemma 3n's further residual streams, which are projections of the first).
#pragma once

#include <cstdint>

namespace hearth {

// x[r] *= sqrt(mean(like[r]^2)) / sqrt(max(mean(x[r]^2), least)); a row of zeros with `least` 0 stays as it is. The
// sums are in the orders of gate_cutoff.h.
struct MatchMagnitudeArgs {
  float* x;           // [rows, width], in place
  const float* like;  // [rows, width]
  std::int64_t row_count;
  std::int64_t width;
  float least;
};

}  // namespace hearth
