// Launches gated root mean square normalization on a GPU.
#include "kernels/gated_rms_norm/gated_rms_norm_gpu.h"

#include "kernels/gpu/gpu_launch.h"
#include "kernels/gpu/gpu_ops.h"
#include "kernels/gpu/vector_access.h"

namespace hearth::gpu_ops {

void gated_rms_norm(Stream& stream, const GatedRmsNormArgs& args) {
  CHECK(args.out_format == Format::kF32 || args.out_format == Format::kBf16);
  const bool aligned = args.width % 4 == 0 && takes_vectors(args.x, args.x_stride) &&
                       takes_vectors(args.gate, args.gate_stride) && takes_vectors(args.weight, 0) &&
                       takes_vectors(args.out, 0, args.out_format == Format::kBf16 ? 2 : 4);
  GatedRmsNormParams params{args, aligned};
  if (args.weight == nullptr) params.gate_first = true;  // what is left of it
  const std::int64_t count = args.row_count * args.group_count;
  if (args.width <= kGatedNormHeadWidth) {
    launch(stream, GpuKernel::gated_rms_norm_head, {ceil_divide(count, kGatedNormThreads / 32)}, kGatedNormThreads,
           params);
  } else {
    launch(stream, GpuKernel::gated_rms_norm_row, {count}, kGatedNormThreads, params);
  }
}

}  // namespace hearth::gpu_ops
