// How kernels read a tile of slots. Device code.
#pragma once

#include "device/gpu/gpu.h"
#include "kernels/experts/experts_gpu.h"

namespace hearth::gpu {

struct ExpertTile {
  int expert;
  int first;       // place in the slots
  int slot_count;  // 0: there is no such tile
};

HEARTH_DEVICE ExpertTile expert_tile(const ExpertTilesParams& p, int number) {
  if (number >= p.tiles[0]) return {0, 0, 0};
  const int expert = p.tiles[1 + 2 * number], first = p.tiles[2 + 2 * number];
  const int left = p.begin[expert + 1] - first;
  return {expert, first, left < static_cast<int>(kExpertTileSlots) ? left : static_cast<int>(kExpertTileSlots)};
}

}  // namespace hearth::gpu
