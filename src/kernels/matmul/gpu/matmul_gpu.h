// The parameters of the GPU's matmul kernels, shared with their launcher.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/matmul/gpu/gpu_layout.h"

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
  // Of the others, where blocks share k: block z computes the segments from z * segments_per_block on, and writes their
  // sums to `partial` [segments, tokens, n], for matmul_sum to add. Else null, and all segments.
  int segments_per_block;
  float* partial;
};

// The stream kernel, for few tokens: a block takes some tiles of 16 rows and all of k, and then others; each of its
// waves takes a row tile and a segment of k at a time. Row tiles times columns are bounded by its shared memory.
inline constexpr int kStreamOutputsMax = 128;
inline constexpr int kStreamTokens[] = {1, 8, 16};
inline constexpr int kStreamBlocks = 2;  // at a time on a multiprocessor
// Of a single token the activations stand in shared memory, if k is not larger.
inline constexpr int kStreamSharedColumns = 14336;

// The stream kernel for one token on Hopper: so many blocks at a time on a multiprocessor, where shared memory allows.
inline constexpr int kStreamHopperBlocks = 3;
// Shared memory: sums, barriers, and rings of weights for each wave; then the activations, as long as they are.
template <class Layout>
struct StreamHopperShared {
  static constexpr int kWaves = kMatmulThreads / 32;
  static constexpr int kTiles = (Layout::kCodeBits <= 6 ? 256 : 128) / Layout::kTileK;  // of a stage
  static constexpr int kStageBytes = kTiles * Layout::kTileBytes;
  static constexpr int kDepth = 3;
  static constexpr int kSumsAt = 0;
  static constexpr int kSumsBytes = 2048;
  static constexpr int kBarriersAt = kSumsAt + kSumsBytes;
  static constexpr int kRingAt = kBarriersAt + (kWaves * kDepth * 8 + 127) / 128 * 128;
  static constexpr int kActivationsAt = kRingAt + kWaves * kDepth * kStageBytes;
};
template <class Layout>
constexpr int stream_hopper_bytes(int k) {
  return StreamHopperShared<Layout>::kActivationsAt + (k + 127) / 128 * 128 * 2;
}

// The tile kernels, for more: a block computes as many columns (tokens) as its kernel is for, and a tile of rows for
// each of its waves, however these share them out.
inline constexpr int kTileTokens[] = {32, 64, 128};
constexpr int tile_rows_per_block(int wave_size) {
  return kMatmulThreads / wave_size * kTileRows;
}

// The Hopper kernels: a block computes 128 rows by as many columns (tokens) as its kernel is for. Two warpgroups
// multiply, a third one has memory copied. A segment's sums and their total both stand in registers, which bounds the
// columns. For few tokens two blocks fit a multiprocessor.
inline constexpr int kHopperThreads = 384;
inline constexpr int kHopperRows = 128;
inline constexpr int kHopperChunk = 64;  // columns of k: what one copy of activations brings
inline constexpr int kHopperTokens[] = {16, 64, 128, 192};
constexpr int hopper_blocks(int tokens) {
  return tokens <= 64 ? 2 : 1;  // at a time on a multiprocessor
}
// Blocks that share their activations, neighbours in rows: each has a part of them copied to all. What the second-level
// cache delivers is what bounds the kernel for the most tokens.
constexpr int hopper_cluster(int tokens) {
  return tokens > 128 ? 2 : 1;
}

struct alignas(64) MatmulHopperParams {
  std::uint64_t x_map[16];  // the driver's description of x [tokens, k]; boxes [a block's part of the kernel's tokens,
                            // kHopperChunk]
  // The same of weights [row tiles, words of 8 bytes]; boxes of a stage.
  std::uint64_t weight_map[16];
  MatmulGpuParams matmul;
};

// Shared memory: a ring of stages, the activations of all of them and then the weights, and two barriers for each.
template <class Layout, int kTokens>
struct HopperShared {
  static constexpr int kWeightColumns = Layout::kTileK > kHopperChunk ? Layout::kTileK : kHopperChunk;  // of a stage
  static constexpr int kChunks = kWeightColumns / kHopperChunk;
  static constexpr int kChunkBytes = kTokens * kHopperChunk * 2;
  static constexpr int kActivationBytes = kChunks * kChunkBytes;
  static constexpr int kTiles = kWeightColumns / Layout::kTileK;  // of a row of tiles in a stage
  static constexpr int kRowBytes = kTiles * Layout::kTileBytes;   // of a row of tiles in a stage
  static constexpr int kWeightBytes = kHopperRows / kTileRows * kRowBytes;
  static constexpr int kAlignment = 1024;  // of the activations, where the copy engine swizzles them
  static constexpr int kBytesMax = (227 << 10) / hopper_blocks(kTokens) - 2048;
  static constexpr int kStages = kBytesMax / (kWeightBytes + kActivationBytes);
  static constexpr int kWeightsAt = kStages * kActivationBytes;
  static constexpr int kBarriersAt = kWeightsAt + kStages * kWeightBytes;
  static constexpr int kBytes = kBarriersAt + 16 * kStages + kAlignment;
  static_assert(kStages >= 2 && kWeightBytes % 128 == 0);
};

// Adds what blocks that share k have left of each segment.
struct MatmulSumParams {
  const float* partial;  // [segments, tokens, n]
  const float* bias;
  float* y;
  std::int64_t y_stride;
  std::int64_t segment_stride;  // elements from one segment to the next
  float scale;
  int segments;
  int n;
};
inline constexpr int kMatmulSumThreads = 256;

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
