// Writing keys and values into the paged cache, one element at a time.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/kv_write/kv_write.h"

namespace hearth {

// The nearest bf16 bit pattern by its definition: of the two neighbours the closer one, of two equally close ones the
// even one. A NaN keeps its sign and becomes quiet.
inline std::uint16_t nearest_bf16_reference(float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  const auto below = static_cast<std::uint16_t>(bits >> 16);  // towards zero
  if (std::isnan(value)) return below | 0x40;
  const std::uint32_t rest = bits & 0xffff;
  const bool up = rest > 0x8000 || (rest == 0x8000 && below % 2 == 1);
  return static_cast<std::uint16_t>(below + up);
}

// Writes into args.cache.
inline void kv_write_reference(const KvWriteArgs& args) {
  const PagedKv& cache = args.cache;
  for (std::int64_t t = 0; t < args.step.token_count; ++t) {
    const std::int64_t position = args.step.positions[t];
    const std::int32_t* block_table = args.step.block_tables + args.step.sequences[t] * args.step.block_table_stride;
    const std::int64_t block = block_table[position / cache.block_tokens];
    for (std::int64_t h = 0; h < cache.kv_heads; ++h) {
      for (std::int64_t d = 0; d < cache.head_dim; ++d) {
        const std::int64_t slot = (block * cache.kv_heads + h) * cache.block_tokens + position % cache.block_tokens;
        const std::int64_t to = slot * cache.head_dim + d, from = t * args.row_stride + h * cache.head_dim + d;
        if (cache.format == Format::kBf16) {
          const std::uint16_t k = nearest_bf16_reference(args.k[from]), v = nearest_bf16_reference(args.v[from]);
          std::memcpy(cache.k + to * 2, &k, sizeof k);
          if (cache.latent_dim == 0) std::memcpy(cache.v + to * 2, &v, sizeof v);
        } else {
          std::memcpy(cache.k + to * 4, args.k + from, 4);
          if (cache.latent_dim == 0) std::memcpy(cache.v + to * 4, args.v + from, 4);
        }
      }
    }
  }
}

}  // namespace hearth
