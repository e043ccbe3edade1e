#include "kv/paged_kv_cache.h"

#include "base/check.h"

namespace hearth {

std::int64_t KvCacheShape::layer_bytes(const Layer& layer) const {
  const std::int64_t rows = (block_count + padding_count) * layer.kv_heads * kKvBlockTokens;
  return align_bytes(format_bytes(format, rows * layer.head_dim));
}

std::int64_t KvCacheShape::bytes() const {
  std::int64_t sum = 0;
  for (const Layer& layer : layers) sum += (layer.latent_dim > 0 ? 1 : 2) * layer_bytes(layer);
  return sum;
}

PagedKvCache::PagedKvCache(Arena& arena, const KvCacheShape& shape) : shape_(shape) {
  std::byte* data = arena.take(shape.bytes());
  for (const KvCacheShape::Layer& layer : shape_.layers) {
    keys_.push_back(data);
    data += (layer.latent_dim > 0 ? 1 : 2) * shape_.layer_bytes(layer);
  }
}

PagedKv PagedKvCache::layer(std::int64_t index) const {
  CHECK(index >= 0 && index < std::ssize(shape_.layers));
  const KvCacheShape::Layer& layer = shape_.layers[static_cast<std::size_t>(index)];
  std::byte* const keys = keys_[static_cast<std::size_t>(index)];
  const bool is_latent = layer.latent_dim > 0;
  return {keys,
          is_latent ? nullptr : keys + shape_.layer_bytes(layer),
          shape_.format,
          kKvBlockTokens,
          layer.kv_heads,
          layer.head_dim,
          shape_.v_by_dimension && !is_latent,
          layer.latent_dim};
}

}  // namespace hearth
