// Writes the keys and values of a step's tokens into the paged cache.
#pragma once

#include <cstdint>

#include "kernels/attention/paged_kv.h"

namespace hearth {

// For every token t of sequence s and its position p: cache[block_table[s][p / block_tokens]][h][p % block_tokens][:] =
// convert(k[t][h][:]), and v likewise, or where cache.v_by_dimension says so.
struct KvWriteArgs {
  const float* k;  // [tokens, kv_heads, head_dim], rows `row_stride` elements apart
  const float* v;  // likewise; not read where the cache has no values of its own (PagedKv::latent_dim)
  std::int64_t row_stride;
  StepView step;
  PagedKv cache;  // of one layer
};

}  // namespace hearth
