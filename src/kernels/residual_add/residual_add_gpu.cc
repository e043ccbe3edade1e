// Launches the residual add on a GPU.
#include "kernels/residual_add/residual_add_gpu.h"

#include "kernels/gpu/gpu_launch.h"
#include "kernels/gpu/gpu_ops.h"

namespace hearth::gpu_ops {

void residual_add(Stream& stream, const ResidualAddArgs& args) {
  launch(stream, GpuKernel::residual_add, {ceil_divide(args.element_count, kResidualAddThreads)}, kResidualAddThreads,
         ResidualAddParams{args.x, args.delta, args.element_count, args.scale});
}

}  // namespace hearth::gpu_ops
