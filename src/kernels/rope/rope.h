// Rotary position embedding (Su et al. 2021): rotates pairs of a head's elements by an angle that grows with the
// position. The angles of a step are computed once, in double precision, and shared by all layers.
#pragma once

#include <cstdint>

namespace hearth {

// Which elements form pair i of a head: (2 i, 2 i + 1), as GGUF's `llama` files are laid out, or (i, i + pairs).
enum class RopePairs : std::uint8_t { kAdjacent, kHalfSplit };

// table[t][i] = (scale * cos, scale * sin)(positions[t] * inverse_frequencies[i])
struct RopeTableArgs {
  const std::int32_t* positions;  // [tokens]
  std::int64_t token_count;
  const double* inverse_frequencies;  // [pairs]
  std::int64_t pair_count;
  double scale;  // attention scaling of YaRN and LongRoPE, else 1
  float* table;  // [tokens, pairs, 2]
};

// Rotates the first 2 * pair_count elements of every head, in place; the others (partial rotary) stay.
// `heads` counts the heads of q and k together: they stand one after another in a row of the projection's output.
struct RopeArgs {
  const float* table;  // [tokens, pairs, 2]
  std::int64_t token_count;
  std::int64_t pair_count;
  RopePairs pairs;
  std::int64_t head_dim;
  std::int64_t head_count;
  float* x;  // [tokens, heads, head_dim], rows `row_stride` elements apart
  std::int64_t row_stride;
};

}  // namespace hearth
