// The parameters of the GPU's matmul kernels, shared with their launcher.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/matmul/gpu_layout.h"

namespace hearth {

inline constexpr int kMatmulThreads = 256;

struct MatmulGpuParams {
  const std::uint16_t* x;    // [tokens, k], bf16
  const std::byte* weights;  // packed (gpu_layout.h)
  const float* bias;         // [n], or null
  float* y;                  // [tokens, n], rows `y_stride` apart
  std::int64_t y_stride;
  std::uint32_t table[4];  // of a table layout's codes
  float scale;
  int token_count;
  int n;
  int k;
  int row_tiles_per_block;  // of the stream kernel
};

// The stream kernel, for few tokens: a block takes some tiles of 16 rows and all of k; each of its waves takes a row
// tile and a segment of k at a time. Row tiles times columns of a block are bounded by its shared memory.
inline constexpr int kStreamOutputsMax = 128;
inline constexpr int kStreamTokens[] = {1, 8, 16, 32, 64};
// Of a single token the activations stand in shared memory, if k is not larger.
inline constexpr int kStreamSharedColumns = 14336;

// The tile kernel, for many: a block computes this many columns (tokens), and rows as many as its waves take.
inline constexpr int kTileTokens = 128;
inline constexpr int kTileRowsPerWave = 32;
inline constexpr int kTileTokensPerWave = 64;
constexpr int tile_rows_per_block(int wave_size) {
  return kMatmulThreads / wave_size / (kTileTokens / kTileTokensPerWave) * kTileRowsPerWave;
}

// The Hopper kernel, for many: a block computes 128 rows by 256 columns. Two warpgroups multiply, a third one has
// memory copied.
inline constexpr int kHopperThreads = 384;
inline constexpr int kHopperRows = 128;
inline constexpr int kHopperTokens = 256;
inline constexpr int kHopperChunk = 64;  // columns of k: what one copy of activations brings

struct alignas(64) MatmulHopperParams {
  std::uint64_t x_map[16];  // the driver's description of x [tokens, k]; boxes [kHopperTokens, kHopperChunk]
  MatmulGpuParams matmul;
};

// Shared memory: a ring of activations, a ring of weights, and for each of their stages two barriers.
template <class Layout>
struct HopperShared {
  static constexpr int kActivationStages = 5;
  static constexpr int kWeightStages = 3;
  static constexpr int kActivationBytes = kHopperTokens * kHopperChunk * 2;
  static constexpr int kWeightColumns = Layout::kTileK > kHopperChunk ? Layout::kTileK : kHopperChunk;
  static constexpr int kTiles = kWeightColumns / Layout::kTileK;  // of a row of tiles in a stage
  static constexpr int kWeightBytes = kHopperRows / kTileRows * kTiles * Layout::kTileBytes;
  static constexpr int kWeightsAt = kActivationStages * kActivationBytes;
  static constexpr int kBarriersAt = kWeightsAt + kWeightStages * kWeightBytes;
  static constexpr int kBytes = kBarriersAt + 16 * (kActivationStages + kWeightStages) + 1024;  // with alignment
};

// float32: a block computes 64 rows by 64 tokens.
struct MatmulF32Params {
  const float* x;        // [tokens, k]
  const float* weights;  // [n, k]
  const float* bias;
  float* y;
  std::int64_t y_stride;
  float scale;
  int token_count;
  int n;
  int k;
};
inline constexpr int kMatmulF32Tile = 64;

}  // namespace hearth
