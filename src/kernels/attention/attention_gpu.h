// The parameters of the GPU kernels of attention, shared with their launcher, and how work is cut among them.
//
// These kernels compute the same bits of a row (a token's query head):
// - "tile" (attention_gpu.cu): a block takes up to 64 rows of one key/value head and walks their keys.
// - "hopper" (attention_hopper_gpu.cu): the same on sm_90a, 128 rows, for some head sizes. "pack" gathers for it what
//   many tiles are to read.
// - "split" (attention_split_gpu.cu): a wave takes the heads of one token and one block of keys, and leaves the block's
//   part of the softmax in the workspace; "merge" adds the parts up, ascending.
// - A sequence with one token in the step is read by the split kernels, the others by the tile kernel, where a step has
//   both. Which of them a token belongs to is decided on the device.
#pragma once

#include <cstdint>

#include "kernels/attention/mask.h"
#include "kernels/attention/paged_kv.h"

namespace hearth {

// Rows of a matrix unit's tile.
inline constexpr int kAttentionTileRows = 16;

// The kernels are compiled for these head sizes; others run in the next one, the rest of which is zero.
#define HEARTH_ATTENTION_HEAD_DIMS(X) X(16) X(32) X(64) X(80) X(96) X(128) X(192) X(256)
inline constexpr int kAttentionHeadDims[] = {16, 32, 64, 80, 96, 128, 192, 256};

// Threads of a block of the tile kernel. Large heads take more shared memory a row, so fewer rows.
constexpr int attention_tile_threads(int head_dim) {
  return head_dim <= 128 ? 128 : 64;
}
inline constexpr int kAttentionSplitThreads = 128;
inline constexpr int kAttentionMergeThreads = 128;
inline constexpr int kAttentionF32Threads = 128;

// The Hopper kernel: two warpgroups of 64 rows, and one that copies; head sizes that have it, exactly.
#define HEARTH_ATTENTION_HOPPER_DIMS(X) X(64) X(128)
inline constexpr int kAttentionHopperRows = 128;
inline constexpr int kAttentionHopperThreads = 384;
inline constexpr int kAttentionPackThreads = 128;

// Its shared memory: a ring of stages, each a block of keys and its values, and what goes with them.
template <int kDim>
struct AttentionHopperShared {
  static constexpr int kKeyBytes = kDim * 64 * 2;          // [dims / 64][64 keys][64 dims]
  static constexpr int kValueBytes = (kDim + 8) * 64 * 2;  // [dims][64 keys], and eight rows of ones
  static constexpr int kPackedBytes = 2 * kKeyBytes;       // the same without the ones, as attention_pack leaves them
  static constexpr int kStageBytes = kKeyBytes + kValueBytes;
  static constexpr int kAlignment = 1024;  // of stages, as the matrix unit swizzles them
  static constexpr int kStages = kDim > 64 ? 6 : 8;
  static constexpr int kSeenAt = kStages * kStageBytes;                              // [stages][rows] words of 64 bits
  static constexpr int kNotFiniteAt = kSeenAt + kStages * kAttentionHopperRows * 8;  // [stages][dims] likewise
  static constexpr int kRowsAt = kNotFiniteAt + kStages * kDim * 8;
  static constexpr int kRowBytes = 24;
  static constexpr int kSpoiledSumsAt = kRowsAt + kAttentionHopperRows * kRowBytes;  // [dims / 64][consumers' threads]
  static constexpr int kBarriersAt = kSpoiledSumsAt + kDim / 64 * 256 * 4;           // full, empty [stages]
  static constexpr int kInfoAt = kBarriersAt + kStages * 16 + 8;                     // [stages] of 8 bytes
  static constexpr int kExtentsAt = kInfoAt + kStages * 8;  // of the rows' sequences, and an end
  static constexpr int kExtentBytes = 44;
  static constexpr int kBytes = kExtentsAt + (kAttentionHopperRows + 1) * kExtentBytes + kAlignment;
  static_assert(kBytes <= 227 << 10);
};

struct AttentionParams {
  const float* q;
  const std::byte* k;
  const std::byte* v;
  void* out;
  float* parts;         // [sequences, heads, parts_stride, head_dim]: the split kernel's sums of weighted values
  float* part_weights;  // [sequences, heads, parts_stride, 2]: the maximum and the sum of weights; a negative sum: none
  std::byte* packed;    // [sequences, kv_heads, parts_stride]: blocks as attention_pack leaves them; null: none
  const float* sinks;   // [heads], or null
  const float* slopes;  // [heads], or null; times slope_scale they are of q . k; or biases, with bias_reach
  StepView step;
  Mask mask;
  std::int64_t q_stride;
  std::int64_t parts_stride;  // key blocks of a sequence
  std::int32_t head_count;
  std::int32_t kv_heads;
  std::int32_t head_dim;
  std::int32_t value_dim;  // of a latent cache less than head_dim, and values are the beginnings of keys
  std::int32_t block_tokens;
  // A score is q . k, or where softcap > 0 softcap * tanh(q . k * cap_scale). Its weight is 2 (attention_f32: e) to the
  // power of (score - maximum) * exponent_scale.
  float softcap;
  float cap_scale;
  float exponent_scale;
  float slope_scale;
  std::int32_t bias_reach;   // attention_f32, attention_wide: not 0: `slopes` are DistanceBiases::of_heads
  std::int32_t unit_tokens;  // tile: so many tokens are cut into tiles together: the step's, or 1
  std::int32_t unit_tiles;   // tile: tiles of a unit; split: tiles of 16 rows of a token's heads in a group
  std::int32_t split_count;  // split: blocks of threads that share a sequence's keys
  std::int32_t split_waves;  // split: waves of such a block that work
  bool out_bf16;
  bool v_by_dimension;
  bool skip_single_tokens;  // tile: the split kernels do them
};

}  // namespace hearth
