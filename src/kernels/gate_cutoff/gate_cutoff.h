// Sparse gates of feed-forward blocks (Gemma 3n): of a row only what lies so far above its mean remains.
#pragma once

#include <cstdint>

namespace hearth {

struct GateCutoff {
  float deviations = 0;    // standard deviations above the mean, or where negative below it
  bool of_sample = false;  // the variance divides by width - 1, else by width
};

// x[r][i] = max(0, x[r][i] - (mean(x[r]) + deviations * deviation(x[r]))). The sums are in double precision on the CPU,
// in the order of cpu/row_sums.h; on a GPU those of 256 threads, each over four elements at a time, ascending, added by
// the tree of gpu/gpu_rows.h.
struct GateCutoffArgs {
  float* x;  // [rows, width], rows `row_stride` elements apart, in place
  std::int64_t row_count;
  std::int64_t width;
  std::int64_t row_stride;
  GateCutoff cutoff;
};

}  // namespace hearth
