// How kernels write to the paged cache: pairs of elements of a row, and, where values stand by dimension, tiles that
// pass through shared memory so that neighbouring tokens are written side by side.
#pragma once

#include "device/gpu/gpu.h"
#include "kernels/attention/paged_kv.h"
#include "kernels/kv_write/kv_write_gpu.h"

namespace hearth::gpu {

// Where the cache keeps a token: its block, and its place in it.
struct CacheSlot {
  std::int64_t block;
  int place;
};
HEARTH_DEVICE CacheSlot cache_slot(const StepView& step, const PagedKv& cache, std::int64_t token) {
  const int position = step.positions[token], block_tokens = static_cast<int>(cache.block_tokens);
  const int index = position / block_tokens;
  return {block_table_of(step, step.sequences[token])[index], position - index * block_tokens};
}
// The first element of a head's row in k, or in v where it is laid out alike.
HEARTH_DEVICE std::int64_t cache_row(const PagedKv& cache, const CacheSlot& slot, int head) {
  return ((slot.block * cache.kv_heads + head) * cache.block_tokens + slot.place) * cache.head_dim;
}

HEARTH_DEVICE void write_cached(const PagedKv& cache, std::byte* data, std::int64_t element, float value) {
  if (cache.format == Format::kF32) {
    reinterpret_cast<float*>(data)[element] = value;
  } else {
    reinterpret_cast<std::uint16_t*>(data)[element] = float_to_bf16(value);
  }
}

struct FloatPair {
  float first, second;
};
// Elements `element` and the next; `element` is even.
HEARTH_DEVICE void write_cached(const PagedKv& cache, std::byte* data, std::int64_t element, FloatPair pair) {
  if (cache.format == Format::kF32) {
    struct alignas(8) Two {
      float value[2];
    };
    *reinterpret_cast<Two*>(data + element * 4) = {{pair.first, pair.second}};
  } else {
    *reinterpret_cast<Bf16Pair*>(data + element * 2) = pair_of_floats(pair.first, pair.second);
  }
}

struct ValueTile {
  float value[kValueTile][kValueTile + 1];  // [tokens, columns]; the odd stride spreads a column over the banks
};

// Tile `index` of v, [tokens, kv_heads * head_dim] with rows `row_stride` apart, into a cache with values by dimension.
// All threads of the block take part. v is waited for here.
HEARTH_DEVICE void write_value_tile(ValueTile& tile, const float* v, std::int64_t row_stride, const StepView& step,
                                    const PagedKv& cache, int index) {
  constexpr int kRows = kKvWriteThreads / kValueTile;
  const int head_dim = static_cast<int>(cache.head_dim);
  const int width = static_cast<int>(cache.kv_heads) * head_dim;
  const int tiles = (width + kValueTile - 1) / kValueTile;
  const std::int64_t first_token = static_cast<std::int64_t>(index / tiles) * kValueTile;
  const int first_column = index % tiles * kValueTile;
  const int fast = thread_index() % kValueTile, slow = thread_index() / kValueTile;
  const std::int64_t token = first_token + fast;  // of those written by this thread
  const CacheSlot slot = token < step.token_count ? cache_slot(step, cache, token) : CacheSlot{0, 0};
  wait_for_inputs();
  HEARTH_UNROLL
  for (int i = slow; i < kValueTile; i += kRows) {
    const std::int64_t token_read = first_token + i;
    const int column = first_column + fast;
    if (token_read < step.token_count && column < width) tile.value[i][fast] = v[token_read * row_stride + column];
  }
  block_sync();
  if (token >= step.token_count) return;
  HEARTH_UNROLL
  for (int i = slow; i < kValueTile; i += kRows) {
    const int column = first_column + i;
    if (column >= width) continue;
    // A column is a dimension of a head, and the heads' dimensions follow each other.
    const std::int64_t element = (slot.block * width + column) * cache.block_tokens + slot.place;
    write_cached(cache, cache.v, element, tile.value[fast][i]);
  }
}

}  // namespace hearth::gpu
