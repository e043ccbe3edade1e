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

// The tile of a block that takes kSlots at most, a part of one that was made (of p.tile_slots, a multiple of these).
template <int kSlots>
HEARTH_DEVICE ExpertTile expert_tile(const ExpertTilesParams& p, int block) {
  if (p.experts != nullptr) return {p.experts[block], block, 1};
  const int parts = p.tile_slots / kSlots, number = block / parts;
  if (number >= p.tiles[0]) return {0, 0, 0};
  const int expert = p.tiles[1 + 2 * number], first = p.tiles[2 + 2 * number] + block % parts * kSlots;
  const int left = p.begin[expert + 1] - first;
  return {expert, first, left < 0 ? 0 : left < kSlots ? left : kSlots};
}

HEARTH_DEVICE int slot_at(const ExpertTilesParams& p, int place) {
  return p.experts != nullptr ? place : p.slots[place];
}

// Where a block's part of a product stands that takes a tile of slots, whose rows of x stand in the order of experts.
// Blocks of one tile are neighbours: they read the same activations, and the next tile is often of the same expert.
struct ExpertBlock {
  const std::int32_t* slots;
  ExpertTile tile;
  float factor;
  std::int64_t bias_begin;

  HEARTH_DEVICE ExpertBlock(const ExpertTilesParams& p, const ExpertTile& its, int n)
      : slots(p.slots),
        tile(its),
        factor(p.scales == nullptr ? 1.0f : p.scales[its.expert]),
        bias_begin(static_cast<std::int64_t>(its.expert) * n) {}
  HEARTH_DEVICE int first_token() const { return tile.first; }
  HEARTH_DEVICE int after_token(const MatmulGpuParams&) const { return tile.first + tile.slot_count; }
  HEARTH_DEVICE int row_block() const { return block_x(); }
  HEARTH_DEVICE std::int64_t y_row(int token) const { return slots[token]; }
  HEARTH_DEVICE float scale(const MatmulGpuParams& p) const { return p.scale * factor; }
  HEARTH_DEVICE const float* bias_of(const float* biases) const { return biases + bias_begin; }
};

}  // namespace hearth::gpu
