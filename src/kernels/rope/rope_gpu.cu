// Rotary position embedding: a thread for every pair of elements; where heads are normalized first, 32 lanes for a
// head. Rotated keys go straight into the cache, and so do the values.
#include "kernels/rope/rope_gpu.h"

#include "device/gpu/gpu.h"
#include "kernels/kv_write/cache_write_gpu.h"
#include "kernels/rms_norm/norm_factor_gpu.h"
#include "kernels/rope/position_scale_gpu.h"

namespace hearth::gpu {
namespace {

struct alignas(8) Angle {
  float cos, sin;
};

// Products and sums are rounded one by one, as on the CPU.
HEARTH_DEVICE FloatPair rotate(FloatPair v, Angle angle) {
  return {v.first * angle.cos - v.second * angle.sin, v.second * angle.cos + v.first * angle.sin};
}

// A token's position, and where the cache keeps it: known before the step's first kernel starts.
struct Target {
  std::int64_t token;
  std::int32_t position;
  CacheSlot slot;  // if there is a cache to write to
};
HEARTH_DEVICE Target target_of(const RopeArgs& p, std::int64_t token) {
  return {token, p.positions == nullptr ? 0 : p.positions[token],
          p.cache.k != nullptr ? cache_slot(p.step, p.cache, token) : CacheSlot{0, 0}};
}

// Pair `pair` of head `head` of the token's row, of which `from` has the head's elements, to where it belongs: the row,
// or the cache. `is_new`: the row does not have them as they are.
HEARTH_DEVICE void place_pair(const RopeArgs& p, const Target& target, int head, int pair, const float* from,
                              bool is_new) {
  const PagedKv& cache = p.cache;
  const bool writes = cache.k != nullptr;
  const int head_dim = static_cast<int>(p.head_dim);
  const int q_heads = static_cast<int>(p.q_head_count), kv_heads = static_cast<int>(p.kv_head_count);
  const bool rotated = pair < p.pair_count && head < q_heads + kv_heads;
  const bool is_scaled = head < q_heads && p.query_scale.beta != 0.0f;
  if (!rotated && !is_new && !is_scaled && (!writes || head < q_heads)) return;

  // The pair's elements: those of the rotation, or two neighbours.
  const bool half_split = rotated && p.pairs == RopePairs::kHalfSplit;
  const int first = half_split ? pair : 2 * pair;
  const int second = half_split ? pair + static_cast<int>(p.pair_count) : first + 1;
  FloatPair v{from[first], from[second]};
  if (rotated) {
    const std::int64_t at = target.position * p.pair_count + pair;
    v = rotate(v, reinterpret_cast<const Angle*>(p.table)[at]);
  }
  if (is_scaled) {
    const float factor = factor_at(p.query_scale, target.position);
    v = {v.first * factor, v.second * factor};
  }
  if (!writes || head < q_heads) {
    float* x = p.x + target.token * p.row_stride + head * head_dim;
    x[first] = v.first;
    x[second] = v.second;
    return;
  }
  const bool is_key = head < q_heads + kv_heads;
  const int kv_head = is_key ? head - q_heads : head - q_heads - kv_heads;
  const std::int64_t to = cache_row(cache, target.slot, kv_head);
  if (!is_key) {
    write_cached(cache, cache.v, to + first, v);
  } else if (half_split) {
    write_cached(cache, cache.k, to + first, v.first);
    write_cached(cache, cache.k, to + second, v.second);
  } else {
    write_cached(cache, cache.k, to + first, v);
  }
}

// Of values that the cache has by dimension.
HEARTH_DEVICE void write_tile(const RopeArgs& p, ValueTile& tile, std::int64_t index) {
  const float* v = p.x + (p.q_head_count + p.kv_head_count) * p.head_dim;
  write_value_tile(tile, v, p.row_stride, p.step, p.cache, static_cast<int>(index));
}

union NormedShared {
  ValueTile tile;
  float head[kRopeNormHeads][kRopeNormWidth];
};

// A head's elements, normalized, in the shared memory of its 32 lanes.
HEARTH_DEVICE void normalize_head(const RopeArgs& p, const float* x, const float* weight, float* out) {
  constexpr int kVectors = kRopeNormWidth / (4 * kGroupLanes);
  const int width = static_cast<int>(p.head_dim), lane = thread_index() % kGroupLanes;
  Floats4 values[kVectors], weights[kVectors];
  HEARTH_UNROLL
  for (int j = 0; j < kVectors; ++j) {
    const int i = 4 * (j * kGroupLanes + lane);
    values[j] = load_floats(x + i, width - i, false);
    weights[j] = load_floats(weight + i, width - i, false);
  }
  const NormFactor factor = norm_factor(values, width, p.norms.epsilon, [](float sum, int) { return group_sum(sum); });
  HEARTH_UNROLL
  for (int j = 0; j < kVectors; ++j) {
    const int i = 4 * (j * kGroupLanes + lane);
    store_floats(out + i, normalized(values[j], weights[j], factor), width - i, false);
  }
}

}  // namespace

HEARTH_KERNEL_EARLY(rope, kKvWriteThreads, 0, RopeArgs) {
  HEARTH_SHARED(ValueTile, tile);
  const int head_pairs = static_cast<int>(p.head_dim) / 2;
  const int row_pairs = static_cast<int>(rope_row_heads(p)) * head_pairs;
  const int blocks = (row_pairs + kKvWriteThreads - 1) / kKvWriteThreads;
  const std::int64_t token = block_x() / blocks;
  if (token >= p.token_count) return write_tile(p, tile, block_x() - p.token_count * blocks);
  const Target target = target_of(p, token);
  const int item = block_x() % blocks * kKvWriteThreads + thread_index();
  const int head = item / head_pairs;
  wait_for_inputs();
  if (item >= row_pairs) return;
  place_pair(p, target, head, item - head * head_pairs, p.x + token * p.row_stride + head * p.head_dim, false);
}

HEARTH_KERNEL_EARLY(rope_norm, kKvWriteThreads, 0, RopeArgs) {
  HEARTH_SHARED(NormedShared, shared);
  const int row_heads = static_cast<int>(rope_row_heads(p));
  const int blocks = (row_heads + kRopeNormHeads - 1) / kRopeNormHeads;
  const std::int64_t token = block_x() / blocks;
  if (token >= p.token_count) return write_tile(p, shared.tile, block_x() - p.token_count * blocks);
  const int group = thread_index() / kGroupLanes, q_heads = static_cast<int>(p.q_head_count);
  const int head = block_x() % blocks * kRopeNormHeads + group;
  // Groups without a head, or with one of values, take part in what their wave does: they normalize the last of the
  // keys.
  const int last = q_heads + static_cast<int>(p.kv_head_count) - 1;
  const bool has_norm = head <= last;
  const int source = has_norm ? head : last;
  const float* row = p.x + token * p.row_stride;
  float* const own = shared.head[group];
  const Target target = target_of(p, token);
  wait_for_inputs();
  normalize_head(p, row + source * p.head_dim, source < q_heads ? p.norms.q_weight : p.norms.k_weight, own);
  wave_sync();
  if (head >= row_heads) return;
  for (int pair = thread_index() % kGroupLanes; pair < static_cast<int>(p.head_dim) / 2; pair += kGroupLanes) {
    if (has_norm) {
      place_pair(p, target, head, pair, own, true);
    } else {
      place_pair(p, target, head, pair, row + head * p.head_dim, false);
    }
  }
}

}  // namespace hearth::gpu
