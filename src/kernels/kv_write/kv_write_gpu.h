// What the GPU kernels that write to the cache share with their launchers. Their parameters are the operator's own
// arguments: plain values and pointers.
#pragma once

#include <cstdint>

#include "kernels/attention/paged_kv.h"

namespace hearth {

// A grid begins with blocks that each take up to kKvWriteThreads pairs of elements of one token, for heads that are
// written (and rotated) row by row; then come the tiles of the values, where those stand by dimension.
inline constexpr int kKvWriteThreads = 256;
inline constexpr int kValueTile = 32;

// Of a token whose row has `elements` elements.
constexpr std::int64_t row_blocks(std::int64_t elements) {
  return (elements / 2 + kKvWriteThreads - 1) / kKvWriteThreads;
}
inline std::int64_t value_tiles(const PagedKv& cache, std::int64_t token_count) {
  if (!cache.v_by_dimension) return 0;
  const std::int64_t token_tiles = (token_count + kValueTile - 1) / kValueTile;
  return token_tiles * ((cache.kv_heads * cache.head_dim + kValueTile - 1) / kValueTile);
}

}  // namespace hearth
