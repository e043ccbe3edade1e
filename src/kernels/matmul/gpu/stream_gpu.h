// What the stream kernels share: how a matrix's rows and segments are cut into what waves do, turn by turn, and how the
// segments' sums are added. Device code.
#pragma once

#include "device/gpu/gpu.h"
#include "kernels/matmul/gpu/fragment_gpu.h"
#include "kernels/matmul/gpu/matmul_gpu.h"

namespace hearth::gpu {

inline constexpr int kStreamWaves = kMatmulThreads / kWaveSize;
inline constexpr int kWidestTile = 128;  // columns of any layout's tile

// What a wave does between two meetings of its block: a segment of a row tile, or nothing.
struct StreamTask {
  const std::byte* from;
  int first_tile;  // of the row
  int tile_count;  // 0: nothing
};

// The tasks of a block, turn by turn: its items are some row tiles each, and an item's segments, row tile by row tile
// and ascending, are cut into rounds of a task for each wave.
template <class Layout>
struct StreamTurns {
  const std::byte* weights;
  int tiles, segments, row_tiles, row_tiles_per_item;
  int item, round = 0;

  HEARTH_DEVICE explicit StreamTurns(const MatmulGpuParams& p)
      : weights(p.weights),
        tiles((p.k + Layout::kTileK - 1) / Layout::kTileK),
        segments((p.k + kGpuMatmulSegment - 1) / kGpuMatmulSegment),
        row_tiles((p.n + kTileRows - 1) / kTileRows),
        row_tiles_per_item(p.row_tiles_per_block),
        item(block_x()) {}

  HEARTH_DEVICE int first_row_tile() const { return item * row_tiles_per_item; }
  HEARTH_DEVICE bool exists() const { return first_row_tile() < row_tiles; }
  HEARTH_DEVICE int task_count() const {
    const int left = row_tiles - first_row_tile();
    return (left < row_tiles_per_item ? left : row_tiles_per_item) * segments;
  }
  HEARTH_DEVICE bool is_last_round() const { return (round + 1) * kStreamWaves >= task_count(); }
  HEARTH_DEVICE void advance() {
    if (is_last_round()) {
      item += grid_x();
      round = 0;
    } else {
      ++round;
    }
  }
  HEARTH_DEVICE StreamTask task_of(int wave) const {
    const int task = round * kStreamWaves + wave;
    if (!exists() || task >= task_count()) return {weights, 0, 0};
    const int row_tile = first_row_tile() + task / segments;
    const int first = task % segments * (kGpuMatmulSegment / Layout::kTileK);
    const int after = first + kGpuMatmulSegment / Layout::kTileK;
    return {weights + (static_cast<std::int64_t>(row_tile) * tiles + first) * Layout::kTileBytes, first,
            (after < tiles ? after : tiles) - first};
  }
};

// A turn's sums, in one of two places, so that a block need not wait for all to have read the last turn's; and the
// totals of an item's rounds.
template <int kColumnCount>
struct StreamSums {
  float partial[2][kStreamWaves][kColumnCount][kTileRows + 1];
  float total[(kColumnCount > 1 ? kStreamOutputsMax : kStreamOutputsMax / 16) * kTileRows];
};

// Which rows of x and y the columns of a product are, and which bias they have.
struct EveryToken {
  HEARTH_DEVICE int x_row(int token, int) const { return token; }
  HEARTH_DEVICE int y_row(int token) const { return token; }
  HEARTH_DEVICE const float* bias_of(const float* bias) const { return bias; }
};

// Adds the sums of a turn to the item's totals, and after the item's last one writes them.
template <class Layout, int kColumnCount, class Columns = EveryToken>
HEARTH_DEVICE void add_turn(const MatmulGpuParams& p, const StreamTurns<Layout>& turn, int partial,
                            StreamSums<kColumnCount>& shared, const Columns& columns = {}) {
  const int first_task = turn.round * kStreamWaves, tasks = turn.task_count(), tokens = p.token_count;
  const bool is_last = turn.is_last_round();
  for (int i = thread_index(); i < tasks / turn.segments * kTileRows * tokens; i += kMatmulThreads) {
    const int row = i % kTileRows, token = i / kTileRows % tokens, row_tile = i / (kTileRows * tokens);
    const int first_wave = row_tile * turn.segments - first_task, after_wave = first_wave + turn.segments;
    float total = turn.round == 0 ? 0.0f : shared.total[i];
    HEARTH_UNROLL
    for (int w = 0; w < kStreamWaves; ++w) {
      if (w >= first_wave && w < after_wave) total += shared.partial[partial][w][token][row];
    }
    const int n = (turn.first_row_tile() + row_tile) * kTileRows + row;
    if (!is_last) {
      shared.total[i] = total;
    } else if (n < p.n) {
      p.y[columns.y_row(token) * p.y_stride + n] =
          p.scale * total + (p.bias == nullptr ? 0.0f : columns.bias_of(p.bias)[n]);
    }
  }
}

// Where element `k` of shared activations stands: a lane's quads of two k-steps in a row, 16 bytes; or where lanes hold
// several quads of each, in order.
HEARTH_DEVICE int shared_place(int k) {
  if (Mma::kQuadsPerLane > 1) return k;
  const int within = k % 16;
  return k / 32 * 32 + within % 8 / 2 * 8 + k / 16 % 2 * 4 + within / 8 * 2 + within % 2;
}

// Brings the activations of a single token to shared memory, zeros after them.
HEARTH_DEVICE void share_activations(const MatmulGpuParams& p, std::uint16_t* shared) {
  const int end = (p.k + kWidestTile - 1) / kWidestTile * kWidestTile;
  if (p.k % 8 != 0) {
    for (int k = thread_index(); k < end; k += kMatmulThreads) {
      shared[shared_place(k)] = k < p.k ? p.x[k] : std::uint16_t{0};
    }
    return;
  }
  // All reads first: each takes as long as all of them.
  constexpr int kTurns = kStreamSharedColumns / (kMatmulThreads * 8);
  Bytes16 words[kTurns];
  HEARTH_UNROLL
  for (int i = 0; i < kTurns; ++i) {
    const int k = (i * kMatmulThreads + thread_index()) * 8;
    words[i] = k < p.k ? *reinterpret_cast<const Bytes16*>(p.x + k) : Bytes16{};
  }
  HEARTH_UNROLL
  for (int i = 0; i < kTurns; ++i) {
    const int k = (i * kMatmulThreads + thread_index()) * 8;
    if (k >= end) break;
    HEARTH_UNROLL
    for (int pair = 0; pair < 4; ++pair) {
      *reinterpret_cast<std::uint32_t*>(shared + shared_place(k + 2 * pair)) = words[i].word[pair];
    }
  }
}

}  // namespace hearth::gpu
