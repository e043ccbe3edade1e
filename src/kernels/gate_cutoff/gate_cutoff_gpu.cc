// Launches the gates' cutoff on a GPU.
#include "kernels/gate_cutoff/gate_cutoff_gpu.h"

#include <limits>

#include "kernels/gpu/gpu_launch.h"
#include "kernels/gpu/gpu_ops.h"
#include "kernels/gpu/vector_access.h"

namespace hearth::gpu_ops {

void gate_cutoff(Stream& stream, const GateCutoffArgs& args) {
  CHECK(args.width <= std::numeric_limits<std::int32_t>::max() / 2);
  const GateCutoffParams params{.x = args.x,
                                .row_stride = args.row_stride,
                                .width = static_cast<std::int32_t>(args.width),
                                .cutoff = args.cutoff,
                                .aligned = args.width % 4 == 0 && takes_vectors(args.x, args.row_stride)};
  launch(stream, GpuKernel::gate_cutoff, {args.row_count}, kGateCutoffThreads, params);
}

}  // namespace hearth::gpu_ops
