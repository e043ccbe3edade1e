// Launches the rounding to bf16 on a GPU.
#include "kernels/quantize/quantize_gpu.h"

#include "kernels/gpu/gpu_launch.h"
#include "kernels/gpu/gpu_ops.h"
#include "kernels/gpu/vector_access.h"

namespace hearth::gpu_ops {

void round_bf16(Stream& stream, const RoundBf16Args& args) {
  launch(stream, GpuKernel::round_bf16, {ceil_divide(args.element_count, 4 * kRoundBf16Threads)}, kRoundBf16Threads,
         RoundBf16Params{args.x, static_cast<std::uint16_t*>(args.out), args.element_count,
                         takes_vectors(args.x, 0) && takes_vectors(args.out, 0, 2)});
}

}  // namespace hearth::gpu_ops
