// Keys and values into the paged cache: a thread for every two elements, and tiles for values by dimension.
#include "kernels/kv_write/kv_write_gpu.h"

#include "device/gpu/gpu.h"
#include "kernels/kv_write/cache_write_gpu.h"
#include "kernels/kv_write/kv_write.h"

namespace hearth::gpu {

HEARTH_KERNEL(kv_write, kKvWriteThreads, KvWriteArgs) {
  HEARTH_SHARED(ValueTile, tile);
  const PagedKv& cache = p.cache;
  const int width = static_cast<int>(cache.kv_heads * cache.head_dim);
  const int row_pairs = cache.v_by_dimension || cache.latent_dim > 0 ? width / 2 : width;
  const int blocks = (row_pairs + kKvWriteThreads - 1) / kKvWriteThreads;
  const std::int64_t token = block_x() / blocks;
  if (token >= p.step.token_count) {
    const auto index = static_cast<int>(block_x() - p.step.token_count * blocks);
    return write_value_tile(tile, p.v, p.row_stride, p.step, cache, index);
  }
  const int pair = block_x() % blocks * kKvWriteThreads + thread_index();
  if (pair >= row_pairs) return;
  const CacheSlot slot = cache_slot(p.step, cache, token);
  const bool is_key = 2 * pair < width;
  const int element = is_key ? 2 * pair : 2 * pair - width;
  const int head = element / static_cast<int>(cache.head_dim), d = element - head * static_cast<int>(cache.head_dim);
  const std::int64_t from = token * p.row_stride + element, to = cache_row(cache, slot, head) + d;
  if (is_key) {
    write_cached(cache, cache.k, to, FloatPair{p.k[from], p.k[from + 1]});
  } else {
    write_cached(cache, cache.v, to, FloatPair{p.v[from], p.v[from + 1]});
  }
}

}  // namespace hearth::gpu
