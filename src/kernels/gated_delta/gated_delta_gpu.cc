// Launches the gated delta rule on a GPU.
#include "kernels/gated_delta/gated_delta_gpu.h"

#include "kernels/gpu/gpu_launch.h"
#include "kernels/gpu/gpu_ops.h"
#include "kernels/gpu/vector_access.h"

namespace hearth::gpu_ops {

void gated_delta(Stream& stream, const GatedDeltaArgs& args) {
  CHECK(args.k_dim <= kDeltaKeyDimMax && args.v_heads % args.k_heads == 0);
  const std::int64_t slices = ceil_divide(args.v_dim, kDeltaColumns);
  const bool channels_aligned =
      !args.channel_decay || (takes_vectors(args.decay, args.decay_stride) && takes_vectors(args.decay_bias, 0));
  const GatedDeltaParams params{.q = args.q,
                                .k = args.k,
                                .v = args.v,
                                .decay = args.decay,
                                .beta = args.beta,
                                .rate = args.rate,
                                .decay_bias = args.decay_bias,
                                .states = args.states.data,
                                .out = args.out,
                                .token_starts = args.step.token_starts,
                                .positions = args.step.positions,
                                .state_slots = args.step.state_slots,
                                .row_stride = args.row_stride,
                                .decay_stride = args.decay_stride,
                                .beta_stride = args.beta_stride,
                                .state_stride = args.states.stride,
                                .k_heads = static_cast<std::int32_t>(args.k_heads),
                                .v_heads = static_cast<std::int32_t>(args.v_heads),
                                .k_dim = static_cast<std::int32_t>(args.k_dim),
                                .v_dim = static_cast<std::int32_t>(args.v_dim),
                                .slices = static_cast<std::int32_t>(slices),
                                .key_heads = args.key_heads,
                                .aligned = args.k_dim % 4 == 0 && takes_vectors(args.q, args.row_stride) &&
                                           takes_vectors(args.k, args.row_stride) && channels_aligned &&
                                           takes_vectors(args.states.data, args.states.stride),
                                .length_epsilon = args.length_epsilon,
                                .scale = args.scale};
  const GpuGrid grid{args.v_heads * slices, args.step.sequence_count};
  const auto run = [&](GpuKernel of_head, GpuKernel of_channels) {
    launch(stream, args.channel_decay ? of_channels : of_head, grid, kDeltaThreads, params);
  };
  if (args.k_dim <= 32) {
    run(GpuKernel::gated_delta_32, GpuKernel::gated_delta_channels_32);
  } else if (args.k_dim <= 128) {
    run(GpuKernel::gated_delta_128, GpuKernel::gated_delta_channels_128);
  } else {
    run(GpuKernel::gated_delta_256, GpuKernel::gated_delta_channels_256);
  }
}

}  // namespace hearth::gpu_ops
