#include "kv/paged_kv_cache.h"

#include "base/check.h"

namespace hearth {

std::int64_t KvCacheShape::layer_bytes() const {
  return align_bytes(format_bytes(format, block_count * kv_heads * kKvBlockTokens * head_dim));
}

PagedKvCache::PagedKvCache(Arena& arena, const KvCacheShape& shape) : shape_(shape), data_(arena.take(shape.bytes())) {}

PagedKv PagedKvCache::layer(std::int64_t index) const {
  CHECK(index >= 0 && index < shape_.layer_count);
  std::byte* keys = data_ + 2 * index * shape_.layer_bytes();
  return {keys,
          keys + shape_.layer_bytes(),
          shape_.format,
          kKvBlockTokens,
          shape_.kv_heads,
          shape_.head_dim,
          shape_.v_by_dimension};
}

}  // namespace hearth
