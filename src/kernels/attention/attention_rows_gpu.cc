// Launches the float32 attention on a GPU.
#include "kernels/attention/attention_rows_gpu.h"

#include <algorithm>

#include "kernels/gpu/gpu_launch.h"
#include "kernels/gpu/gpu_ops.h"

namespace hearth::gpu_ops {

void attention_rows(Stream& stream, const AttentionArgs& args) {
  const int waves = kAttentionRowThreads / gpu_stream(stream).gpu().properties().wave_size;
  const AttentionRowsParams params{.q = args.q,
                                   .out = args.out,
                                   .step = args.step,
                                   .cache = args.cache,
                                   .mask = args.mask,
                                   .q_stride = args.q_stride,
                                   .head_count = static_cast<std::int32_t>(args.head_count),
                                   .scale = args.scale,
                                   .softcap = args.softcap,
                                   .out_bf16 = args.out_format == Format::kBf16};
  launch(stream, GpuKernel::attention_rows, {args.step.token_count, ceil_divide(args.head_count, waves)},
         kAttentionRowThreads, params);
}

}  // namespace hearth::gpu_ops
