// Launches the clamp on a GPU.
#include "kernels/clamp/clamp_gpu.h"

#include "kernels/gpu/gpu_launch.h"
#include "kernels/gpu/gpu_ops.h"

namespace hearth::gpu_ops {

void clamp(Stream& stream, const ClampArgs& args) {
  launch(stream, GpuKernel::clamp, {ceil_divide(args.element_count, kClampThreads)}, kClampThreads, args);
}

}  // namespace hearth::gpu_ops
