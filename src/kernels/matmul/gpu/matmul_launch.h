// What launchers of matmul's kernels share, on the host.
#pragma once

#include <cstdint>
#include <iterator>

#include "device/gpu/gpu_device.h"
#include "kernels/experts/experts.h"
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

// A kernel whose blocks take `tokens` columns.
struct SizedKernel {
  int tokens;
  GpuKernel kernel;
  int shared_bytes = 0;
};

// How the Hopper kernels read weights of a layout.
struct HopperStage {
  int columns;    // of a stage
  int row_bytes;  // of a row of tiles in a stage
  int tile_columns;

  // Whether they take matrices [n, k].
  bool takes(std::int64_t k) const { return k >= columns && k % 8 == 0; }
  // Bytes of a whole row of tiles.
  std::int64_t row_bytes_of(std::int64_t k) const {
    return ceil_divide(k, tile_columns) * (row_bytes / (columns / tile_columns));
  }
};

// Describes x [token_count, k] and weights [row_tiles * 16, k] to the copy engine, for a Hopper kernel of so many
// tokens.
void describe_operands(const GpuDevice& device, const HopperStage& stage, int kernel_tokens, std::int64_t token_count,
                       std::int64_t row_tiles, MatmulHopperParams& params);

// The kernels for experts (experts.h) with weights of this layout.
struct ExpertKernels {
  GpuKernel single;  // a tile for each slot
  GpuKernel stream;
  GpuKernel tile;
  SizedKernel hopper[std::size(kExpertTileSlots)];
  HopperStage hopper_stage;
};
ExpertKernels expert_kernels_of(GpuLayoutKind kind);

}  // namespace hearth::gpu_ops
