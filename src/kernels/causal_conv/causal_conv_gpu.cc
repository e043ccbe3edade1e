// Launches the causal convolution on a GPU.
#include "kernels/causal_conv/causal_conv_gpu.h"

#include "kernels/gpu/gpu_launch.h"
#include "kernels/gpu/gpu_ops.h"
#include "kernels/gpu/vector_access.h"

namespace hearth::gpu_ops {

void causal_conv(Stream& stream, const CausalConvArgs& args) {
  CHECK(args.out_format == Format::kF32 || args.out_format == Format::kBf16);
  CHECK(args.kernel >= 1);
  const StepView& step = args.step;
  CausalConvParams params{args, step.token_count == step.sequence_count, true};
  for (const float* rows : {args.x, args.input_gate, args.output_gate}) {
    params.aligned = params.aligned && takes_vectors(rows, args.x_stride);
  }
  for (const float* rows : {args.weight, args.bias, static_cast<const float*>(args.states.data)}) {
    params.aligned = params.aligned && takes_vectors(rows, args.channels);
  }
  params.aligned = params.aligned && args.states.stride % 4 == 0 &&
                   takes_vectors(args.out, args.out_stride, args.out_format == Format::kBf16 ? 2 : 4);
  const std::int64_t blocks = ceil_divide(args.channels, kCausalConvBlockChannels);
  launch(stream, GpuKernel::causal_conv, {step.token_count, blocks}, kCausalConvThreads, params);
  if (params.writes_states || args.kernel == 1) return;
  launch(stream, GpuKernel::causal_conv_keep, {step.sequence_count, blocks}, kCausalConvThreads, params);
}

}  // namespace hearth::gpu_ops
