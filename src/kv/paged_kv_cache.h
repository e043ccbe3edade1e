// The memory of the key/value cache: for every layer, blocks of kKvBlockTokens positions of keys and of values. A part
// of the device's arena.
#pragma once

#include <cstdint>
#include <vector>

#include "device/arena.h"
#include "kernels/attention/paged_kv.h"

namespace hearth {

inline constexpr std::int64_t kKvBlockTokens = 32;

// Blocks that hold positions [0, position_count).
inline std::int64_t kv_block_count(std::int64_t position_count) {
  return (position_count + kKvBlockTokens - 1) / kKvBlockTokens;
}

struct KvCacheShape {
  struct Layer {
    std::int64_t kv_heads = 0;
    std::int64_t head_dim = 0;
    std::int64_t latent_dim = 0;  // PagedKv::latent_dim; not 0: there are keys alone
    bool operator==(const Layer&) const = default;
  };
  std::vector<Layer> layers;
  std::int64_t block_count = 0;    // that sequences may have
  std::int64_t padding_count = 0;  // further blocks, at the end, for rows of a step that are no sequence's
  Format format = Format::kF32;    // kF32 or kBf16
  bool v_by_dimension = false;     // the layout of values (PagedKv)

  std::int64_t layer_bytes(const Layer& layer) const;  // keys or values of one layer
  std::int64_t bytes() const;
};

class PagedKvCache {
 public:
  // Takes shape.bytes() of the arena, which outlives the cache.
  PagedKvCache(Arena& arena, const KvCacheShape& shape);
  const KvCacheShape& shape() const { return shape_; }
  PagedKv layer(std::int64_t index) const;

 private:
  KvCacheShape shape_;
  std::vector<std::byte*> keys_;  // of each layer; its values follow
};

}  // namespace hearth
