// Launches root mean square normalization on a GPU.
#include "kernels/rms_norm/rms_norm_gpu.h"

#include <limits>

#include "kernels/gpu/gpu_launch.h"
#include "kernels/gpu/gpu_ops.h"
#include "kernels/gpu/vector_access.h"

namespace hearth::gpu_ops {

void rms_norm(Stream& stream, const RmsNormArgs& args) {
  CHECK(args.residual == nullptr || args.group_count == 1);
  CHECK(args.out_format == Format::kF32 || args.out_format == Format::kBf16);
  CHECK(args.width <= std::numeric_limits<std::int32_t>::max() / 2);
  const bool bf16 = args.out_format == Format::kBf16;
  const RmsNormParams params{.x = args.x,
                             .weight = args.weight,
                             .residual = args.residual,
                             .out = args.out,
                             .row_count = args.row_count * args.group_count,
                             .row_stride = args.row_stride,
                             .out_stride = args.out_stride,
                             .group_count = static_cast<std::int32_t>(args.group_count),
                             .width = static_cast<std::int32_t>(args.width),
                             .epsilon = args.epsilon,
                             .out_bf16 = bf16,
                             .aligned = args.width % 4 == 0 && takes_vectors(args.x, args.row_stride) &&
                                        takes_vectors(args.weight, 0) && takes_vectors(args.residual, 0) &&
                                        takes_vectors(args.out, args.out_stride, bf16 ? 2 : 4)};
  if (args.width <= kRmsNormHeadWidth) {
    const GpuGrid grid{ceil_divide(params.row_count, kRmsNormHeadThreads / 32)};
    launch(stream, GpuKernel::rms_norm_head, grid, kRmsNormHeadThreads, params);
  } else if (args.width <= kRmsNormRowWidth) {
    launch(stream, GpuKernel::rms_norm_row, {params.row_count}, kRmsNormRowThreads, params);
  } else if (args.width <= kRmsNormMiddleWidth) {
    launch(stream, GpuKernel::rms_norm_middle, {params.row_count}, kRmsNormMiddleThreads, params);
  } else if (args.width <= kRmsNormWideWidth) {
    launch(stream, GpuKernel::rms_norm_wide, {params.row_count}, kRmsNormWideThreads, params);
  } else {
    launch(stream, GpuKernel::rms_norm_long, {params.row_count}, kRmsNormWideThreads, params);
  }
}

}  // namespace hearth::gpu_ops
