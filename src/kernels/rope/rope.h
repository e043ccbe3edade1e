// Rotary position embedding (Su et al. 2021): rotates pairs of a head's elements by an angle that grows with the
// position. Their cosines and sines are computed once, when a model is loaded, in double precision.
#pragma once

#include <cstdint>

#include "kernels/attention/paged_kv.h"
#include "kernels/rope/position_scale.h"

namespace hearth {

// Which elements form pair i of a head: (2 i, 2 i + 1), as GGUF's `llama` files are laid out, or (i, i + pairs).
enum class RopePairs : std::uint8_t { kAdjacent, kHalfSplit };

// An RMS norm of every head of queries and of keys (rms_norm.h), each with its own weights [head_dim].
struct HeadNorms {
  const float* q_weight = nullptr;  // null: no norms; then, and where there are no keys, the other is null too
  const float* k_weight = nullptr;
  float epsilon = 0;
};

// Rotates the first 2 * pair_count elements of every head of q and k, in place; the others (partial rotary) stay.
// The heads of q, of k and of v stand one after another in a row of the projections' output.
// Where there are norms, they come before, to the same bits as rms_norm's. Whole heads of q are multiplied by
// `query_scale` in the end.
// With a cache, the rotated k and the v of every token are also written there, as kv_write does; what then stands in
// the place of k is not defined (a GPU leaves it as it was). Without one (cache.k is null) v is not read.
struct RopeArgs {
  const float* table;             // [positions, pairs, 2]: cosine and sine of each position, times the scale
  const std::int32_t* positions;  // [tokens]: rows of the table
  std::int64_t token_count;
  std::int64_t pair_count;
  RopePairs pairs;
  std::int64_t head_dim;
  std::int64_t q_head_count;
  std::int64_t kv_head_count;  // 0: there are queries alone, and no cache
  float* x;                    // [tokens, q heads + kv heads + kv heads, head_dim], rows `row_stride` elements apart
  std::int64_t row_stride;
  StepView step;  // of the same tokens: where the cache keeps them
  PagedKv cache;  // of one layer
  HeadNorms norms = {};
  PositionScale query_scale = {};
};

}  // namespace hearth
