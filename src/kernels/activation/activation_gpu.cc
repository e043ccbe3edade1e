// Launches the nonlinearities on a GPU.
#include "kernels/activation/activation_gpu.h"

#include "kernels/gpu/gpu_launch.h"
#include "kernels/gpu/gpu_ops.h"
#include "kernels/gpu/vector_access.h"

namespace hearth::gpu_ops {

void activation(Stream& stream, const ActivationArgs& args) {
  CHECK(args.out_format == Format::kF32 || args.out_format == Format::kBf16);
  const bool bf16 = args.out_format == Format::kBf16;
  const ActivationParams params{.x = args.x,
                                .out = args.out,
                                .element_count = args.element_count,
                                .activation = args.activation,
                                .out_bf16 = bf16,
                                .aligned = takes_vectors(args.x, 0) && takes_vectors(args.out, 0, bf16 ? 2 : 4),
                                .xielu = args.xielu};
  launch(stream, GpuKernel::activation, {ceil_divide(args.element_count, kActivationBlockElements)}, kActivationThreads,
         params);
}

void gated_activation(Stream& stream, const GatedActivationArgs& args) {
  CHECK(args.out_format == Format::kF32 || args.out_format == Format::kBf16);
  const bool bf16 = args.out_format == Format::kBf16;
  const std::int64_t up_stride = args.up_stride > 0 ? args.up_stride : args.row_stride;
  const GatedActivationParams params{.gate = args.gate,
                                     .up = args.up,
                                     .out = args.out,
                                     .row_stride = args.row_stride,
                                     .up_stride = up_stride,
                                     .width = args.width,
                                     .gating = args.gating,
                                     .activation = args.activation,
                                     .out_bf16 = bf16,
                                     .aligned = takes_vectors(args.gate, args.row_stride) &&
                                                takes_vectors(args.up, up_stride) &&
                                                takes_vectors(args.out, args.width, bf16 ? 2 : 4),
                                     .xielu = args.xielu};
  launch(stream, GpuKernel::gated_activation, {args.row_count, ceil_divide(args.width, kActivationBlockElements)},
         kActivationThreads, params);
}

}  // namespace hearth::gpu_ops
