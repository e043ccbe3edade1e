// What launchers of matmul's kernels share, on the host.
#pragma once

#include <cstdint>

#include "device/gpu/gpu_device.h"
#include "kernels/gpu/gpu_kernel_list.h"
#include "kernels/matmul/gpu/matmul_gpu.h"
#include "kernels/matmul/gpu/pack_gpu.h"
#include "kernels/matmul/matmul.h"

namespace hearth::gpu_ops {

// The kernels' parameters for `args`, with the format's table of codes; how blocks share the work is left at zero.
MatmulGpuParams matmul_params(const MatmulArgs& args);
MatmulF32Params matmul_f32_params(const MatmulArgs& args);

// How many tiles of 16 rows a block takes: enough for all its waves, as far as there are segments, and not so many that
// there are fewer than `blocks_min` blocks.
int row_tiles_per_block(const MatmulGpuParams& p, const GpuProperties& properties, std::int64_t columns,
                        std::int64_t blocks_min);

// The stream kernel over tiles of slots (experts.h) for weights of this layout.
GpuKernel expert_kernel_of(GpuLayoutKind kind);

}  // namespace hearth::gpu_ops
