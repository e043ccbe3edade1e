// Launches layer normalization on a GPU.
#include "kernels/layer_norm/layer_norm_gpu.h"

#include <limits>

#include "kernels/gpu/gpu_launch.h"
#include "kernels/gpu/gpu_ops.h"
#include "kernels/gpu/vector_access.h"

namespace hearth::gpu_ops {

void layer_norm(Stream& stream, const LayerNormArgs& args) {
  CHECK(args.out_format == Format::kF32 || args.out_format == Format::kBf16);
  CHECK(args.width <= std::numeric_limits<std::int32_t>::max() / 2);
  CHECK(args.group_count == 1 || args.residual == nullptr);
  const std::int64_t row_stride = args.row_stride > 0 ? args.row_stride : args.group_count * args.width;
  const bool bf16 = args.out_format == Format::kBf16;
  const LayerNormParams params{
      .x = args.x,
      .weight = args.weight,
      .bias = args.bias,
      .residual = args.residual,
      .out = args.out,
      .row_stride = row_stride,
      .group_count = static_cast<std::int32_t>(args.group_count),
      .weight_stride = static_cast<std::int32_t>(args.weight_stride),
      .width = static_cast<std::int32_t>(args.width),
      .epsilon = args.epsilon,
      .out_bf16 = bf16,
      .aligned = takes_vectors(args.x, args.width) && takes_vectors(args.x, row_stride) &&
                 takes_vectors(args.weight, args.weight_stride) && takes_vectors(args.bias, args.weight_stride) &&
                 takes_vectors(args.residual, 0) && takes_vectors(args.out, args.width, bf16 ? 2 : 4) &&
                 takes_vectors(args.out, row_stride, bf16 ? 2 : 4)};
  const std::int64_t rows = args.row_count * args.group_count;
  if (args.width <= kLayerNormRowWidth) {
    launch(stream, GpuKernel::layer_norm_row, {rows}, kLayerNormRowThreads, params);
  } else if (args.width <= kLayerNormWideWidth) {
    launch(stream, GpuKernel::layer_norm_wide, {rows}, kLayerNormWideThreads, params);
  } else {
    launch(stream, GpuKernel::layer_norm_long, {rows}, kLayerNormWideThreads, params);
  }
}

}  // namespace hearth::gpu_ops
