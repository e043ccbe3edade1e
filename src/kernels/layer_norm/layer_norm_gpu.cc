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
  const bool bf16 = args.out_format == Format::kBf16;
  const LayerNormParams params{.x = args.x,
                               .weight = args.weight,
                               .bias = args.bias,
                               .residual = args.residual,
                               .out = args.out,
                               .width = static_cast<std::int32_t>(args.width),
                               .epsilon = args.epsilon,
                               .out_bf16 = bf16,
                               .aligned = takes_vectors(args.x, args.width) && takes_vectors(args.weight, 0) &&
                                          takes_vectors(args.bias, 0) && takes_vectors(args.residual, 0) &&
                                          takes_vectors(args.out, args.width, bf16 ? 2 : 4)};
  if (args.width <= kLayerNormRowWidth) {
    launch(stream, GpuKernel::layer_norm_row, {args.row_count}, kLayerNormRowThreads, params);
  } else if (args.width <= kLayerNormWideWidth) {
    launch(stream, GpuKernel::layer_norm_wide, {args.row_count}, kLayerNormWideThreads, params);
  } else {
    launch(stream, GpuKernel::layer_norm_long, {args.row_count}, kLayerNormWideThreads, params);
  }
}

}  // namespace hearth::gpu_ops
