// Attention for sequences with one token in the step, whose keys are shared out over the whole device: a wave reads a
// block of 64 keys straight from the cache, for the heads of a key/value head, and writes that block's part; the merge
// kernel adds a sequence's parts up, ascending. A part costs a row of float32 for each head, against 256 rows of bf16
// keys and values for each key/value head.
//
// All rows see the same keys, so what is hidden is replaced by 0 on its way to the matrix unit.
#include "kernels/attention/attention_tile_gpu.h"

namespace hearth::gpu {
namespace {

inline constexpr int kWaves = kAttentionSplitThreads / kWaveSize;
// Blocks of threads at a time on a multiprocessor, 0 being the compiler's own choice: what an H200 was fastest with,
// and nvcc spills no register.
constexpr int attention_split_blocks(int head_dim) {
  return head_dim > 128 ? 0 : 3;
}

// Which sequence, head and part.
HEARTH_DEVICE std::int64_t part_of(const AttentionParams& p, int sequence, int head, int block) {
  return (static_cast<std::int64_t>(sequence) * p.head_count + head) * p.parts_stride + block;
}

// What to mask eight values with so that those of hidden keys become 0; bit i of `seen`: key i.
HEARTH_DEVICE Bytes16 seen_mask(std::uint32_t seen) {
  Bytes16 mask;
  HEARTH_UNROLL
  for (int i = 0; i < 4; ++i) {
    const std::uint32_t low = (seen >> (2 * i) & 1u) != 0 ? 0xffffu : 0u;
    const std::uint32_t high = (seen >> (2 * i + 1) & 1u) != 0 ? 0xffff0000u : 0u;
    mask.word[i] = low | high;
  }
  return mask;
}
HEARTH_DEVICE Bytes16 masked(Bytes16 values, const Bytes16& mask) {
  HEARTH_UNROLL
  for (int i = 0; i < 4; ++i) values.word[i] &= mask.word[i];
  return values;
}

// A block of keys as a wave finds them: lane i < 8 knows where octet i is.
struct BlockOfKeys {
  int index;
  std::uint64_t seen;
  Octet octet;

  HEARTH_DEVICE std::int64_t key_of(int which) const { return shuffle_wide(octet.key, which); }
  HEARTH_DEVICE std::int64_t value_of(int which) const { return shuffle_wide(octet.value, which); }
  HEARTH_DEVICE bool sees_octet(int which) const { return (seen >> (8 * which) & 0xff) != 0; }

 private:
  HEARTH_DEVICE static std::int64_t shuffle_wide(std::int64_t value, int lane) {
    const auto bits = static_cast<std::uint64_t>(value);
    const std::uint32_t low = shuffle(static_cast<std::uint32_t>(bits), lane);
    const std::uint32_t high = shuffle(static_cast<std::uint32_t>(bits >> 32), lane);
    return static_cast<std::int64_t>(std::uint64_t{high} << 32 | low);
  }
};

HEARTH_DEVICE BlockOfKeys block_of_keys(const AttentionParams& p, const Row& row, int kv_head, int index) {
  const int lane = lane_index(), key = index * kBlockKeys;
  BlockOfKeys block{index, seen_keys(p, row, key), {0, 0}};  // the beginning of the cache can be read
  if (lane < kOctets && block.sees_octet(lane)) block.octet = octet_at(p, row.sequence, kv_head, key + lane * 8);
  return block;
}

// A wave's queries: in registers, or where they are too many in shared memory, as fragments in the order of the lanes.
template <int kDim>
struct Queries {
  static constexpr bool kInShared = kDim > 128;
  QueryFragment fragments[kInShared ? 1 : kDim / 16];
  const QueryFragment (*shared)[kWaveSize];  // [steps, lanes]

  HEARTH_DEVICE QueryFragment step(int i, int lane) const {
    if constexpr (kInShared) {
      return shared[i][lane];
    } else {
      return fragments[i];
    }
  }
};
template <int kDim>
struct SplitShared {
  alignas(16) QueryFragment queries[Queries<kDim>::kInShared ? kDim / 16 : 1][kWaveSize];
};

// s = q k. Every load is made, so that many are under way: what it is not to read is replaced by what stands at the
// beginning of the cache; weigh() hides such keys, and dimensions beyond the head's become zeros.
template <int kDim>
HEARTH_DEVICE void score_block(const AttentionParams& p, const Queries<kDim>& q, const BlockOfKeys& block,
                               int lane_of_wave, Mma::C (&s)[kScoreTiles]) {
  constexpr int kPairs = kDim / 32, kSteps = kDim / 16;
  const auto read = [&](auto chunk, const std::byte* key, int dim) {
    using Chunk = decltype(chunk);
    const bool exists = dim < p.head_dim;
    chunk = load_streaming(reinterpret_cast<const Chunk*>(key + (exists ? dim : 0) * 2));
    return exists ? chunk : Chunk{};
  };
  HEARTH_UNROLL
  for (int n = 0; n < kScoreTiles; ++n) {
    schedule_fence();
    const int lane = opaque(lane_of_wave);  // what follows from it would fill the registers
    const int row = key_of_tile(n) + key_of_place(lane_other(lane));
    const std::byte* key = p.k + (block.key_of(row / 8) + row % 8 * p.head_dim) * 2;
    s[n] = {};
    HEARTH_UNROLL
    for (int pair = 0; pair < kPairs; ++pair) {
      OtherFragment k0, k1;
      load_pair<OtherFragment, 1>(
          k0, k1, [&](int, int j) { return read(Bytes16{}, key, 32 * pair + 8 * lane_chunk(lane, j)); });
      multiply(s[n], q.step(2 * pair, lane), k0);
      multiply(s[n], q.step(2 * pair + 1, lane), k1);
      if (Queries<kDim>::kInShared && pair % 2 != 0) pin(s[n]), schedule_fence();
    }
    if constexpr (kSteps % 2 != 0) {
      OtherFragment k;
      HEARTH_UNROLL
      for (int j = 0; j < Mma::kQuadsPerLane; ++j) {
        quad_of(k, 0, j) = read(Bytes8{}, key, 32 * kPairs + 4 * Mma::quad(lane, j));
      }
      multiply(s[n], q.step(kSteps - 1, lane), k);
    }
    pin(s[n]);
  }
}

// Writes p v to the rows `parts`, those of the lane's queries; negative: none.
template <int kDim>
HEARTH_DEVICE void write_values(const AttentionParams& p, const QueryFragment (&weights)[kBlockSteps],
                                const BlockOfKeys& block, int lane, const std::int64_t (&parts)[kQueriesPerLane]) {
  lane = opaque(lane);
  std::int64_t first[kBlockSteps / 2][Mma::kQuadsPerLane];
  Bytes16 masks[kBlockSteps / 2][Mma::kQuadsPerLane];
  HEARTH_UNROLL
  for (int pair = 0; pair < kBlockSteps / 2; ++pair) {
    HEARTH_UNROLL
    for (int j = 0; j < Mma::kQuadsPerLane; ++j) {
      const int octet = 4 * pair + lane_chunk(lane, j);
      first[pair][j] = block.value_of(octet);
      masks[pair][j] = seen_mask(static_cast<std::uint32_t>(block.seen >> (8 * octet) & 0xff));
    }
  }
  HEARTH_UNROLL
  for (int n = 0; n < kDim / kOthers; ++n) {
    schedule_fence();
    // Beyond the head's dimensions any will do: those sums are not written.
    const int row = n * kOthers + lane_other(lane), dim_read = row < p.head_dim ? row : 0;
    Mma::C c{};
    HEARTH_UNROLL
    for (int pair = 0; pair < kBlockSteps / 2; ++pair) {
      OtherFragment v0, v1;
      load_pair<OtherFragment, 1>(v0, v1, [&](int, int j) {
        const std::byte* from = p.v + (first[pair][j] + dim_read * p.block_tokens) * 2;
        return masked(load_streaming(reinterpret_cast<const Bytes16*>(from)), masks[pair][j]);
      });
      multiply(c, weights[2 * pair], v0);
      multiply(c, weights[2 * pair + 1], v1);
    }
    HEARTH_UNROLL
    for (int e = 0; e < Mma::kValues; ++e) {
      const int dim = n * kOthers + value_other(lane, e);
      const std::int64_t part = parts[value_query(e)];
      if (part >= 0 && dim < p.head_dim) p.parts[part * p.head_dim + dim] = c.value[e];
    }
  }
}

// Writes the part of one block of keys to those of `heads`; negative: there is none.
template <int kDim>
HEARTH_DEVICE void attend_block(const AttentionParams& p, const Queries<kDim>& q, const Row& row, int kv_head,
                                int index, const std::int32_t (&heads)[kQueriesPerLane]) {
  const int lane = lane_index(), key = index * kBlockKeys;
  const BlockOfKeys block = block_of_keys(p, row, kv_head, index);
  std::int64_t parts[kQueriesPerLane];
  float block_max[kQueriesPerLane] = {}, block_sum[kQueriesPerLane];
  HEARTH_UNROLL
  for (int i = 0; i < kQueriesPerLane; ++i) {
    parts[i] = heads[i] < 0 ? -1 : part_of(p, row.sequence, heads[i], index);
    block_sum[i] = -1;
  }
  if (block.seen != 0) {
    Mma::C s[kScoreTiles];
    score_block<kDim>(p, q, block, lane, s);
    if (kDim <= kAttentionSlopeDimMax && p.slopes != nullptr) {
      Slope slopes[kQueriesPerLane];
      HEARTH_UNROLL
      for (int i = 0; i < kQueriesPerLane; ++i) slopes[i] = slope_of(p, opaque(row.token), heads[i]);
      take_distances(slopes, opaque(lane), key, s);
    }
    QueryFragment weights[kBlockSteps];
    std::uint64_t seen[kQueriesPerLane];
    HEARTH_UNROLL
    for (int i = 0; i < kQueriesPerLane; ++i) seen[i] = block.seen;
    weigh(p, s, lane, block.seen == ~std::uint64_t{0}, seen, weights, block_max);
    sum_weights(weights, block_sum);
    write_values<kDim>(p, weights, block, lane, parts);
  }
  const bool first_of_query = kQueriesAreRows ? lane % 4 == 0 : lane < 16;
  HEARTH_UNROLL
  for (int i = 0; i < kQueriesPerLane; ++i) {
    if (parts[i] < 0 || !first_of_query) continue;
    p.part_weights[parts[i] * 2] = block_max[i];
    p.part_weights[parts[i] * 2 + 1] = block_sum[i];
  }
}

// Asks for what a block's octets are of, keys and values: a hint, before the inputs are there. Keys of this step may
// just be being written.
HEARTH_DEVICE void prefetch_block(const AttentionParams& p, const BlockOfKeys& block) {
  constexpr int kLanes = kWaveSize / kOctets, kLine = 64;  // elements
  const int lane = lane_index(), which = lane / kLanes;
  // Blocks of the cache lie within one of keys: of its values, all octets together ask for all dimensions.
  const std::int64_t first = block.key_of(which);
  if (!block.sees_octet(which)) return;
  for (int i = lane % kLanes * kLine; i < 8 * p.head_dim; i += kLanes * kLine) {
    prefetch(p.k + (first + i) * 2);
    prefetch(p.v + (first + i) * 2);
  }
}

template <int kDim>
HEARTH_DEVICE void attend_split(const AttentionParams& p, SplitShared<kDim>& shared) {
  const int kv_head = block_x() % p.kv_heads, of_sequence = block_x() / p.kv_heads;
  const int sequence = of_sequence / p.unit_tiles, tile = of_sequence % p.unit_tiles;
  const int token = single_token(p.step, sequence);
  if (token < 0) return wait_for_inputs();
  // The step's own arrays are there before its first kernel starts.
  const Row row = row_of_token(p, token);
  const bool works = wave_index() < p.split_waves;
  const int first = row.begin / kBlockKeys + block_y() * p.split_waves + wave_index();
  if (works && first * kBlockKeys < row.end && p.block_tokens <= kBlockKeys) {
    prefetch_block(p, block_of_keys(p, row, kv_head, first));
  }
  wait_for_inputs();
  const int lane = lane_index(), group = p.head_count / p.kv_heads;
  std::int32_t heads[kQueriesPerLane];
  std::int64_t rows[kQueriesPerLane];
  HEARTH_UNROLL
  for (int i = 0; i < kQueriesPerLane; ++i) {
    const int of_group = tile * kAttentionTileRows + lane_query(lane, i);
    heads[i] = of_group < group ? kv_head * group + of_group : -1;
    rows[i] = heads[i] < 0 ? -1 : token * p.q_stride + static_cast<std::int64_t>(heads[i]) * p.head_dim;
  }
  Queries<kDim> q{{}, shared.queries};
  if constexpr (Queries<kDim>::kInShared) {
    for (int step = wave_index(); step < kDim / 16; step += kWaves)
      load_step<kDim>(p, rows, lane, step, shared.queries[step][lane]);
    block_sync();
  } else if (works) {
    load_queries<kDim>(p, rows, lane, q.fragments);
  }
  if (!works) return;
  for (int index = first; index * kBlockKeys < row.end; index += p.split_count * p.split_waves) {
    attend_block<kDim>(p, q, row, kv_head, index, heads);
  }
}

// The maximum of the lanes up to this one.
HEARTH_DEVICE float prefix_max(float value, int lane) {
  HEARTH_UNROLL
  for (int distance = 1; distance < kWaveSize; distance *= 2) {
    const float before = shuffle(value, lane < distance ? 0 : lane - distance);
    if (lane >= distance) value = max_number(value, before);
  }
  return value;
}

// A head's sums for one dimension.
struct HeadSums {
  RowTotals totals;
  float o = 0;
};

// Adds `count` parts from `first` on, at most kParts and as many as a wave has lanes, in ascending order. merge() is
// spread over the lanes: all maxima first, then all factors.
template <int kParts>
HEARTH_DEVICE void add_parts(const AttentionParams& p, std::int64_t first, int count, int dim, HeadSums& sums) {
  const int lane = lane_index();
  float values[kParts];
  HEARTH_UNROLL
  for (int i = 0; i < kParts; ++i) values[i] = p.parts[(first + (i < count ? i : 0)) * p.head_dim + dim];
  float max = kMinusInfinity, sum = -1;
  if (lane < count) max = p.part_weights[(first + lane) * 2], sum = p.part_weights[(first + lane) * 2 + 1];
  const bool is_empty = sum < 0;
  max = is_empty ? kMinusInfinity : max;
  const float max_here = max_number(sums.totals.max, prefix_max(max, lane));
  const float of_lane_before = shuffle(max_here, lane == 0 ? 0 : lane - 1);
  RowTotals before{lane == 0 ? sums.totals.max : of_lane_before, 0};
  const MergeFactors f = merge(before, max, 0, p.exponent_scale);
  HEARTH_UNROLL
  for (int i = 0; i < kParts; ++i) {
    const MergeFactors of_part{shuffle(f.total, i), shuffle(f.block, i)};
    const float part_sum = shuffle(sum, i);
    if (part_sum < 0) continue;
    sums.totals.sum = fma_exact(sums.totals.sum, of_part.total, part_sum * of_part.block);
    sums.o = merge_value(sums.o, values[i], of_part);
  }
  sums.totals.max = shuffle(max_here, kWaveSize - 1);
}

// The sums of one head of one sequence, from its parts: a thread for each dimension.
HEARTH_DEVICE void merge_parts(const AttentionParams& p) {
  constexpr int kFewParts = 12;
  const int sequence = block_x() / p.head_count, head = block_x() % p.head_count;
  const int token = single_token(p.step, sequence);
  if (token < 0) return wait_for_inputs();
  const Row row = row_of_token(p, token);
  wait_for_inputs();
  const int dim = block_y() * kAttentionMergeThreads + thread_index(), dim_read = dim < p.head_dim ? dim : 0;
  HeadSums sums;
  const int end = row.begin < row.end ? (row.end + kBlockKeys - 1) / kBlockKeys : 0;
  int index = row.begin / kBlockKeys;
  for (; end - index > kFewParts; index += kWaveSize) {
    const int count = end - index < kWaveSize ? end - index : kWaveSize;
    add_parts<kWaveSize>(p, part_of(p, sequence, head, index), count, dim_read, sums);
  }
  if (index < end) add_parts<kFewParts>(p, part_of(p, sequence, head, index), end - index, dim_read, sums);
  if (dim >= p.head_dim) return;
  const float value = last_value(sums.o, last_factor(p, sums.totals, head));
  const std::int64_t element = (static_cast<std::int64_t>(token) * p.head_count + head) * p.head_dim + dim;
  if (p.out_bf16) {
    store_out(static_cast<std::uint16_t*>(p.out) + element, value);
  } else {
    store_out(static_cast<float*>(p.out) + element, value);
  }
}

}  // namespace

#define HEARTH_ATTENTION_SPLIT(dim)                                                                                  \
  HEARTH_KERNEL_EARLY(attention_split_##dim, kAttentionSplitThreads, attention_split_blocks(dim), AttentionParams) { \
    HEARTH_SHARED(SplitShared<dim>, shared);                                                                         \
    attend_split<dim>(p, shared);                                                                                    \
  }
HEARTH_ATTENTION_HEAD_DIMS(HEARTH_ATTENTION_SPLIT)
#undef HEARTH_ATTENTION_SPLIT

HEARTH_KERNEL_EARLY(attention_merge, kAttentionMergeThreads, 0, AttentionParams) {
  merge_parts(p);
}

}  // namespace hearth::gpu
