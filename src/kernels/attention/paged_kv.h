// What attention operators are told of a step and of the key/value cache: plain arrays, so that a device can read them
// as they are.
#pragma once

#include <cstddef>
#include <cstdint>

#include "formats/always_inline.h"
#include "formats/format.h"

namespace hearth {

// The tokens of one step, sequence by sequence; prefill and decode mix.
struct StepView {
  std::int64_t token_count = 0;
  std::int64_t sequence_count = 0;
  const std::int32_t* positions = nullptr;   // [tokens]: of each token within its sequence
  const std::int32_t* sequences = nullptr;   // [tokens]: index of its sequence, ascending
  const std::int32_t* key_counts = nullptr;  // [sequences]: keys in the cache once this step is written
  const std::int32_t* prefix_lengths =
      nullptr;  // [sequences]: tokens that see each other under a prefix mask; null: none
  const std::int32_t* block_tables = nullptr;  // [sequences, block_table_stride]: physical blocks, in order
  std::int64_t block_table_stride = 0;
  // For layers with a state (state/layer_states.h); in a device's memory null where the model has none.
  const std::int32_t* token_starts = nullptr;  // [sequences + 1]: where its tokens begin; the last: their number
  const std::int32_t* state_slots = nullptr;   // [sequences]
  std::int64_t key_count_max = 0;  // an upper bound of key_counts that the host knows: what a GPU's grids are sized by
};

// One layer's cache. A block holds `block_tokens` consecutive positions of one sequence, head by head.
struct PagedKv {
  std::byte* k = nullptr;         // [blocks, kv_heads, block_tokens, head_dim]
  std::byte* v = nullptr;         // likewise
  Format format = Format::kF32;   // kF32 or kBf16
  std::int64_t block_tokens = 0;  // a multiple of 8
  std::int64_t kv_heads = 0;
  std::int64_t head_dim = 0;    // a multiple of 8, at most kHeadDimMax
  bool v_by_dimension = false;  // v is [blocks, kv_heads, head_dim, block_tokens]
  // Latent attention: not 0 where there is no v, and a value is the first so many elements of its key: a multiple of 8,
  // at most kLatentDimMax, of keys of at most kLatentKeyDimMax. v_by_dimension is false.
  std::int64_t latent_dim = 0;

  HEARTH_ALWAYS_INLINE std::int64_t value_dim() const { return latent_dim > 0 ? latent_dim : head_dim; }
  HEARTH_ALWAYS_INLINE const std::byte* values() const { return latent_dim > 0 ? k : v; }
};

inline constexpr std::int64_t kHeadDimMax = 512;
inline constexpr std::int64_t kLatentDimMax = 512;
inline constexpr std::int64_t kLatentKeyDimMax = 576;

// Whether the attention operators take keys and values of these sizes.
inline bool has_sizes_of_attention(const PagedKv& cache) {
  if (cache.head_dim <= 0 || cache.head_dim % 8 != 0 || cache.kv_heads <= 0) return false;
  if (cache.latent_dim == 0) return cache.head_dim <= kHeadDimMax;
  return cache.latent_dim > 0 && cache.latent_dim % 8 == 0 && cache.latent_dim <= kLatentDimMax &&
         cache.latent_dim <= cache.head_dim && cache.head_dim <= kLatentKeyDimMax && !cache.v_by_dimension;
}

// Which row of k and v, counted in rows of head_dim elements, is that of `position` in a sequence with this table.
// Positions from a multiple of 8 up to the next are rows in succession.
HEARTH_ALWAYS_INLINE std::int64_t paged_row(const PagedKv& cache, const std::int32_t* block_table,
                                            std::int64_t position, std::int64_t kv_head) {
  const std::int64_t block = block_table[position / cache.block_tokens];
  return (block * cache.kv_heads + kv_head) * cache.block_tokens + position % cache.block_tokens;
}

HEARTH_ALWAYS_INLINE const std::int32_t* block_table_of(const StepView& step, std::int64_t sequence) {
  return step.block_tables + sequence * step.block_table_stride;
}

}  // namespace hearth
