#include "kv/paged_kv_cache.h"

#include "base/check.h"

namespace hearth {

std::int64_t KvCacheShape::layer_bytes() const {
  return align_bytes(format_bytes(format, block_count * kv_heads * kKvBlockTokens * head_dim));
}

PagedKvCache::PagedKvCache(Device& device, const KvCacheShape& shape)
    : shape_(shape), buffer_(device.allocate(shape.bytes(), "key/value cache")) {}

PagedKv PagedKvCache::layer(std::int64_t index) const {
  CHECK(index >= 0 && index < shape_.layer_count);
  std::byte* keys = buffer_.data() + 2 * index * shape_.layer_bytes();
  return {keys,
          keys + shape_.layer_bytes(),
          shape_.format,
          kKvBlockTokens,
          shape_.kv_heads,
          shape_.head_dim,
          shape_.v_by_dimension};
}

}  // namespace hearth
