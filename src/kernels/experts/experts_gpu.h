// The parameters of the GPU's kernels for experts, shared with their launchers.
#pragma once

#include "kernels/experts/experts.h"
#include "kernels/matmul/gpu/matmul_gpu.h"

namespace hearth {

// A wave of each block works.
inline constexpr int kRouteThreads = 64;
inline constexpr int kGroupExpertsThreads = 256;
inline constexpr int kExpertSumThreads = 256;
// float32: a block computes a tile of slots by as many rows.
inline constexpr int kExpertF32Rows = 16;
inline constexpr int kExpertF32Threads = kExpertF32Rows * static_cast<int>(kExpertTileSlots);

struct ExpertTilesParams {
  const std::int32_t* begin;
  const std::int32_t* slots;
  const std::int32_t* tiles;
  const float* scales;  // [experts], or null
  std::int64_t expert_bytes;
  int slots_per_row;
};

struct ExpertMatmulParams : ExpertTilesParams {
  MatmulGpuParams matmul;  // of one expert; its tokens are slots
};

struct ExpertMatmulF32Params : ExpertTilesParams {
  MatmulF32Params matmul;
};

}  // namespace hearth
