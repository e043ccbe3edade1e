// The parameters of the GPU's kernels for experts, shared with their launchers.
#pragma once

#include "kernels/experts/experts.h"
#include "kernels/matmul/gpu/matmul_gpu.h"

namespace hearth {

// A wave of each block works.
inline constexpr int kRouteThreads = 64;
inline constexpr int kGroupExpertsThreads = 1024;
inline constexpr int kExpertSumThreads = 256;
// float32: a block computes a tile of slots by as many rows.
inline constexpr int kExpertF32Rows = 16;
inline constexpr int kExpertF32Slots = static_cast<int>(kExpertTileSlots[0]);
inline constexpr int kExpertF32Threads = kExpertF32Rows * kExpertF32Slots;
inline constexpr int kExpertGatherThreads = 128;
// Slots of a block of the portable tile kernel.
inline constexpr int kExpertTileTokens = static_cast<int>(kExpertTileSlots[1]);

struct GroupExpertsParams : GroupExpertsArgs {
  int tile_slots;
};

struct ExpertTilesParams {
  const std::int32_t* experts;  // each slot is a tile, of this expert; or null
  const std::int32_t* begin;
  const std::int32_t* slots;
  const std::int32_t* tiles;
  const float* scales;  // [experts], or null
  std::int64_t expert_bytes;
  int slots_per_row;
  int tile_slots;
};

struct ExpertMatmulParams : ExpertTilesParams {
  MatmulGpuParams matmul;  // of one expert; its tokens are slots
};

// On Hopper: x [slots, k] in the order of groups.slots; the weights of all experts are one matrix.
struct ExpertHopperParams : MatmulHopperParams {
  ExpertTilesParams tiles;
};

// Brings rows in the order of groups.slots.
struct ExpertGatherParams {
  const std::uint16_t* x;
  const std::int32_t* slots;
  std::uint16_t* out;  // [slots, k]
  int slots_per_row;
  int k;
};

struct ExpertMatmulF32Params : ExpertTilesParams {
  MatmulF32Params matmul;
};

}  // namespace hearth
