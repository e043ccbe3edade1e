// Launches the splitting of rows on a GPU.
#include "kernels/split_rows/split_rows_gpu.h"

#include "kernels/gpu/gpu_launch.h"
#include "kernels/gpu/gpu_ops.h"

namespace hearth::gpu_ops {

void split_rows(Stream& stream, const SplitRowsArgs& args) {
  const std::int64_t elements = args.row_count * (args.first_width + args.second_width);
  launch(stream, GpuKernel::split_rows, {ceil_divide(elements, kSplitRowsThreads)}, kSplitRowsThreads, args);
}

}  // namespace hearth::gpu_ops
