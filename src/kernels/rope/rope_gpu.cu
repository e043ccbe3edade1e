// Rotary position embedding: a thread for every pair of elements. Rotated keys go straight into the cache, and so do
// the values.
#include "kernels/rope/rope_gpu.h"

#include "device/gpu/gpu.h"
#include "kernels/kv_write/cache_write_gpu.h"

namespace hearth::gpu {
namespace {

struct alignas(8) Angle {
  float cos, sin;
};

// Products and sums are rounded one by one, as on the CPU.
HEARTH_DEVICE FloatPair rotate(FloatPair v, Angle angle) {
  return {v.first * angle.cos - v.second * angle.sin, v.second * angle.cos + v.first * angle.sin};
}

}  // namespace

HEARTH_KERNEL(rope, kKvWriteThreads, RopeArgs) {
  HEARTH_SHARED(ValueTile, tile);
  const PagedKv& cache = p.cache;
  const bool writes = cache.k != nullptr;
  const int head_dim = static_cast<int>(p.head_dim), head_pairs = head_dim / 2;
  const int row_pairs = static_cast<int>(rope_row_heads(p)) * head_pairs;
  const int q_heads = static_cast<int>(p.q_head_count), kv_heads = static_cast<int>(p.kv_head_count);
  const int blocks = (row_pairs + kKvWriteThreads - 1) / kKvWriteThreads;
  const std::int64_t token = block_x() / blocks;
  if (token >= p.token_count) {
    const auto index = static_cast<int>(block_x() - p.token_count * blocks);
    const float* v = p.x + (q_heads + kv_heads) * head_dim;
    return write_value_tile(tile, v, p.row_stride, p.step, cache, index);
  }
  const int item = block_x() % blocks * kKvWriteThreads + thread_index();
  if (item >= row_pairs) return;
  const int head = item / head_pairs, pair = item - head * head_pairs;
  const bool rotated = pair < p.pair_count && head < q_heads + kv_heads;
  if (!rotated && (!writes || head < q_heads)) return;

  // The pair's elements: those of the rotation, or two neighbours.
  const bool half_split = rotated && p.pairs == RopePairs::kHalfSplit;
  const int first = half_split ? pair : 2 * pair;
  const int second = half_split ? pair + static_cast<int>(p.pair_count) : first + 1;
  float* x = p.x + token * p.row_stride + head * head_dim;
  FloatPair v{x[first], x[second]};
  if (rotated) {
    const std::int64_t at = p.positions[token] * p.pair_count + pair;
    v = rotate(v, reinterpret_cast<const Angle*>(p.table)[at]);
  }
  if (!writes || head < q_heads) {
    x[first] = v.first;
    x[second] = v.second;
    return;
  }
  const bool is_key = head < q_heads + kv_heads;
  const int kv_head = is_key ? head - q_heads : head - q_heads - kv_heads;
  const std::int64_t to = cache_row(cache, cache_slot(p.step, cache, token), kv_head);
  if (!is_key) {
    write_cached(cache, cache.v, to + first, v);
  } else if (half_split) {
    write_cached(cache, cache.k, to + first, v.first);
    write_cached(cache, cache.k, to + second, v.second);
  } else {
    write_cached(cache, cache.k, to + first, v);
  }
}

}  // namespace hearth::gpu
