// Launches selective state spaces on a GPU.
#include "kernels/selective_scan/selective_scan_gpu.h"

#include "kernels/gpu/gpu_launch.h"
#include "kernels/gpu/gpu_ops.h"
#include "kernels/gpu/vector_access.h"

namespace hearth::gpu_ops {

void selective_scan(Stream& stream, const SelectiveScanArgs& args) {
  CHECK(args.state_size <= kScanStateMax && args.heads % args.groups == 0);
  const bool whole_vectors = args.state_size % 4 == 0;
  const SelectiveScanParams params{
      args, whole_vectors && takes_vectors(args.states.data, args.states.stride),
      whole_vectors && takes_vectors(args.b, args.bc_stride) && takes_vectors(args.c, args.bc_stride),
      whole_vectors && takes_vectors(args.a, 0)};
  const auto run = [&](int lanes, GpuKernel of_heads, GpuKernel of_states) {
    const GpuGrid grid{ceil_divide(args.heads * args.head_dim, kScanThreads / lanes), args.step.sequence_count};
    launch(stream, args.a_of_states ? of_states : of_heads, grid, kScanThreads, params);
  };
  if (args.state_size <= 16) {
    run(4, GpuKernel::scan_16, GpuKernel::scan_states_16);
  } else if (args.state_size <= 64) {
    run(8, GpuKernel::scan_64, GpuKernel::scan_states_64);
  } else if (args.state_size <= 128) {
    run(8, GpuKernel::scan_128, GpuKernel::scan_states_128);
  } else {
    run(16, GpuKernel::scan_256, GpuKernel::scan_states_256);
  }
}

}  // namespace hearth::gpu_ops
