// Splitting rows: a thread for every element.
#include "kernels/split_rows/split_rows_gpu.h"

#include "device/gpu/gpu.h"
#include "kernels/rope/position_scale_gpu.h"

namespace hearth::gpu {

HEARTH_KERNEL(split_rows, kSplitRowsThreads, SplitRowsArgs) {
  const std::int64_t width = p.first_width + p.second_width;
  const std::int64_t i = static_cast<std::int64_t>(block_x()) * kSplitRowsThreads + thread_index();
  const std::int64_t row = i / width, column = i - row * width;
  if (row >= p.row_count) return;
  float value = p.x[i];
  if (p.scale.beta != 0.0f) value *= factor_at(p.scale, p.positions[row / p.rows_per_token]);
  if (column < p.first_width) {
    p.first[row * p.first_stride + column] = value;
  } else {
    p.second[row * p.second_stride + column - p.first_width] = value;
  }
}

}  // namespace hearth::gpu
