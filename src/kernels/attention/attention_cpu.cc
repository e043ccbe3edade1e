// Fused attention on the CPU. A task is a tile: some tokens of the step times some query heads that share a key/value
// head, at most kRowsMax rows, so that a key or value is loaded (and widened from bf16) once for all of them. A row's
// sums do not depend on its tile: how tiles are cut, and by how many threads they are done, is free.
#include <bit>
#include <cmath>
#include <cstdint>

#include "base/check.h"
#include "device/cpu/cpu_device.h"
#include "formats/float16.h"
#include "kernels/attention/attention.h"
#include "kernels/cpu/cpu_ops.h"
#include "kernels/cpu/simd.h"
#include "kernels/cpu/simd_math.h"

namespace hearth::HEARTH_ISA {
namespace {

constexpr std::int64_t kRowsMax = 32;
// A tile of so few rows has less arithmetic to do than memory to read.
constexpr std::int64_t kRowsWaitingForMemory = 8;
constexpr int kKeys = static_cast<int>(kAttentionKeyBlock);
constexpr int kRun = 8;  // keys that stand one after another in memory, whatever the size of the cache's blocks
constexpr int kRuns = kKeys / kRun;
static_assert(kKeys == 32, "a block's visible keys are the bits of one word");

// Tokens [token_begin, token_end) of one sequence times `head_count` query heads from `head_begin`.
struct Tile {
  std::int64_t token_begin;
  std::int64_t token_end;
  std::int64_t kv_head;
  std::int64_t head_begin;
  std::int64_t head_count;

  std::int64_t row_count() const { return (token_end - token_begin) * head_count; }
};

// A tile's rows, token by token, heads ascending. `split_*` is the state of the split being read; `total_*` that of the
// splits before it, whose weighted sums stand in `out`.
struct TileState {
  alignas(32) float q[kRowsMax * kLatentKeyDimMax];
  // A block of keys, then of values where they are not the keys' beginnings; where the cache is not float32.
  alignas(32) float widened[kKeys * kLatentKeyDimMax];
  alignas(32) float weights[kRowsMax * kKeys] = {};  // scores, then their exponentials
  alignas(32) float split_out[kRowsMax * kLatentDimMax];
  alignas(32) float split_max[kRowsMax];
  alignas(32) float split_sum[kRowsMax] = {};
  alignas(32) float max_change[kRowsMax] = {};  // old maximum - new maximum, of the block being read
  alignas(32) float correction[kRowsMax];       // exp(max_change)
  alignas(32) float block_sum[kRowsMax] = {};
  float total_max[kRowsMax];
  float total_sum[kRowsMax];
  std::uint32_t visible[kRowsMax];  // bit j: key j of the block
};

HEARTH_INLINE float max_lanes(F32x8 v) {
  const F32x4 a = low_half(v), b = high_half(v), c = a > b ? a : b;
  const float d = c[0] > c[2] ? c[0] : c[2], e = c[1] > c[3] ? c[1] : c[3];
  return d > e ? d : e;
}

// exp(x - max); where everything is -infinity so far, zeros.
HEARTH_INLINE F32x8 exp_difference(F32x8 x, float max) {
  return exp8(x - (max == -INFINITY ? 0.0f : max));
}

// Where a tile's keys and values are.
struct Source {
  const PagedKv& cache;
  const std::int32_t* block_table;
  std::int64_t kv_head;

  HEARTH_INLINE std::int64_t row_bytes() const { return cache.head_dim * (cache.format == Format::kF32 ? 4 : 2); }
  // The run at `position` of cache.k or cache.v.
  HEARTH_INLINE const std::byte* run(const std::byte* data, std::int64_t position) const {
    return data + paged_row(cache, block_table, position, kv_head) * row_bytes();
  }
};

// Runs of a block of keys or values as float32: where they are, or widened. Only those with a bit in `needed` are
// looked at: the others may lie beyond the sequence's block table.
HEARTH_INLINE void open_block(const Source& source, const std::byte* data, std::int64_t key_begin, std::uint32_t needed,
                              float* widened, const float* (&runs)[kRuns]) {
  const std::int64_t run_elements = kRun * source.cache.head_dim;
  for (int i = 0; i < kRuns; ++i) {
    if ((needed >> (i * kRun) & 0xff) == 0) continue;
    const std::byte* run = source.run(data, key_begin + i * kRun);
    if (source.cache.format == Format::kF32) {
      runs[i] = reinterpret_cast<const float*>(run);
      continue;
    }
    const auto* halves = reinterpret_cast<const std::uint16_t*>(run);
    float* out = widened + i * run_elements;
    for (std::int64_t e = 0; e < run_elements; ++e) out[e] = bf16_to_f32(halves[e]);
    runs[i] = out;
  }
}

// Asks for the run of keys or values at `position`. Blocks are scattered, so the processor cannot guess what comes
// next.
HEARTH_INLINE void prefetch_run(const Source& source, const std::byte* data, std::int64_t position) {
  const std::byte* run = source.run(data, position);
  for (std::int64_t byte = 0; byte < kRun * source.row_bytes(); byte += 64) __builtin_prefetch(run + byte, 0, 2);
}

// out[r][j] = q[r] . keys[j] for kRows rows and a run of keys, kTogether of them at a time.
template <int kRows, int kTogether>
HEARTH_INLINE void score_run(const float* q, const float* keys, std::int64_t head_dim, float* out) {
  for (int first = 0; first < kRun; first += kTogether) {
    F32x8 sums[kRows][kTogether] = {};
    const float* key = keys + first * head_dim;
    for (std::int64_t d = 0; d < head_dim; d += 8) {
      F32x8 query[kRows];
      for (int r = 0; r < kRows; ++r) query[r] = load(q + r * head_dim + d);
      for (int j = 0; j < kTogether; ++j) {
        const F32x8 k = load(key + j * head_dim + d);
        for (int r = 0; r < kRows; ++r) sums[r][j] = multiply_add(query[r], k, sums[r][j]);
      }
    }
    for (int r = 0; r < kRows; ++r) {
      for (int j = 0; j < kTogether; j += 4) {
        const F32x4 scores = sum_lanes_of_4(sums[r] + j);
        std::memcpy(out + r * kKeys + first + j, &scores, sizeof scores);
      }
    }
  }
}

// Scores a block of keys; meanwhile, if `next_begin` is before `next_end`, the block there is fetched.
void score_block(const Source& source, const float* (&runs)[kRuns], std::uint32_t needed, std::int64_t next_begin,
                 std::int64_t next_end, std::int64_t row_count, TileState& state) {
  const std::int64_t head_dim = source.cache.head_dim;
  for (int i = 0; i < kRuns; ++i) {
    if (next_begin + i * kRun < next_end) {
      prefetch_run(source, source.cache.k, next_begin + i * kRun);
      if (source.cache.latent_dim == 0) prefetch_run(source, source.cache.v, next_begin + i * kRun);
    }
    if ((needed >> (i * kRun) & 0xff) == 0) continue;
    std::int64_t r = 0;
    for (; r + 3 <= row_count; r += 3) {
      score_run<3, 4>(state.q + r * head_dim, runs[i], head_dim, state.weights + r * kKeys + i * kRun);
    }
    for (; r + 2 <= row_count; r += 2) {
      score_run<2, 4>(state.q + r * head_dim, runs[i], head_dim, state.weights + r * kKeys + i * kRun);
    }
    for (; r < row_count; ++r) {
      score_run<1, 8>(state.q + r * head_dim, runs[i], head_dim, state.weights + r * kKeys + i * kRun);
    }
  }
}

// The lanes of a run that are visible, as -1 and 0.
HEARTH_INLINE I32x8 visible_lanes(std::uint32_t visible, int run) {
  const auto bits = static_cast<std::int32_t>(visible >> (run * kRun) & 0xff);
  constexpr I32x8 kBit{1, 2, 4, 8, 16, 32, 64, 128};
  return (kBit & bits) != 0;
}

// What a row's scores are less by, for the run of keys at `key`.
HEARTH_INLINE F32x8 distance_bias(const AttentionArgs& args, const Tile& tile, std::int64_t r, std::int64_t key) {
  const std::int64_t position = args.step.positions[tile.token_begin + r / tile.head_count];
  const float slope = args.slopes[tile.head_begin + r % tile.head_count];
  constexpr F32x8 kLane{0, 1, 2, 3, 4, 5, 6, 7};
  const F32x8 offset = static_cast<float>(key - position) + kLane;  // whole numbers
  return slope * max(offset, -offset);
}

// What a row's scores are more by, for the run of keys at `key`.
HEARTH_INLINE F32x8 bias_of_run(const AttentionArgs& args, const Tile& tile, std::int64_t r, std::int64_t key) {
  const std::int64_t position = args.step.positions[tile.token_begin + r / tile.head_count];
  const std::int64_t head = tile.head_begin + r % tile.head_count;
  F32x8 bias;
  for (int lane = 0; lane < kRun; ++lane) bias[lane] = args.biases.at(head, key + lane - position);
  return bias;
}

// Turns a row's 32 dot products with the keys from `key` on into exponentials, and takes them into the row's maximum
// and sum.
HEARTH_INLINE void weigh_row(const AttentionArgs& args, const Tile& tile, std::int64_t key, std::int64_t r,
                             TileState& state) {
  float* weights = state.weights + r * kKeys;
  F32x8 s[kRuns];
  for (int i = 0; i < kRuns; ++i) {
    s[i] = load(weights + i * kRun) * args.scale;
    if (args.softcap > 0) s[i] = args.softcap * tanh8(s[i] / args.softcap);
    if (args.slopes != nullptr) s[i] = s[i] - distance_bias(args, tile, r, key + i * kRun);
    if (args.biases.of_heads != nullptr) s[i] = s[i] + bias_of_run(args, tile, r, key + i * kRun);
    s[i] = visible_lanes(state.visible[r], i) ? s[i] : broadcast(-INFINITY);
  }
  const float old_max = state.split_max[r];
  const float block_max = max_lanes(max(max(s[0], s[1]), max(s[2], s[3])));
  const float new_max = block_max > old_max ? block_max : old_max;
  for (int i = 0; i < kRuns; ++i) {
    s[i] = exp_difference(s[i], new_max);
    store(weights + i * kRun, s[i]);
  }
  state.max_change[r] = old_max - (new_max == -INFINITY ? 0.0f : new_max);
  state.block_sum[r] = sum_lanes((s[0] + s[1]) + (s[2] + s[3]));
  state.split_max[r] = new_max;
}

void weigh_block(const AttentionArgs& args, const Tile& tile, std::int64_t key, TileState& state) {
  const std::int64_t row_count = tile.row_count();
  for (std::int64_t r = 0; r < row_count; ++r) {
    if (state.visible[r] != 0) {
      weigh_row(args, tile, key, r, state);
    } else {
      state.max_change[r] = 0;
      state.block_sum[r] = 0;
    }
  }
  for (std::int64_t r = 0; r < row_count; r += 8) {
    const F32x8 correction = exp8(load(state.max_change + r));
    store(state.correction + r, correction);
    store(state.split_sum + r, load(state.split_sum + r) * correction + load(state.block_sum + r));
  }
}

// Of the values: elements from one to the next, and of each.
struct Widths {
  std::int64_t row;
  std::int64_t value;
};

// out[r][:] = out[r][:] * correction[r] + sum_j weights[r][j] * values[j][:], for kRows rows that see the same keys and
// 8 * kVectors elements from `offset`.
template <int kRows, int kVectors>
HEARTH_INLINE void add_values(const float* (&runs)[kRuns], Widths w, std::int64_t offset, std::int64_t r0,
                              TileState& state) {
  float* out = state.split_out + r0 * w.value + offset;
  const float* weights = state.weights + r0 * kKeys;
  F32x8 sums[kRows][kVectors];
  for (int r = 0; r < kRows; ++r) {
    for (int i = 0; i < kVectors; ++i) sums[r][i] = load(out + r * w.value + i * 8) * state.correction[r0 + r];
  }
  const auto add_key = [&](const float* value, int key) __attribute__((always_inline)) {
    F32x8 v[kVectors];
    for (int i = 0; i < kVectors; ++i) v[i] = load(value + i * 8);
    for (int r = 0; r < kRows; ++r) {
      const F32x8 weight = broadcast(weights[r * kKeys + key]);
      for (int i = 0; i < kVectors; ++i) sums[r][i] = multiply_add(weight, v[i], sums[r][i]);
    }
  };
  for (int i = 0; i < kRuns; ++i) {
    std::uint32_t left = state.visible[r0] >> (i * kRun) & 0xff;
    if (left == 0xff) {
      for (int j = 0; j < kRun; ++j) add_key(runs[i] + j * w.row + offset, i * kRun + j);
    } else {
      for (; left != 0; left &= left - 1) {
        const int j = std::countr_zero(left);
        add_key(runs[i] + j * w.row + offset, i * kRun + j);
      }
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int i = 0; i < kVectors; ++i) store(out + r * w.value + i * 8, sums[r][i]);
  }
}

template <int kRows, int kVectors>
HEARTH_INLINE void add_whole_values(const float* (&runs)[kRuns], Widths w, std::int64_t r0, TileState& state) {
  std::int64_t offset = 0;
  for (; offset + 8 * kVectors <= w.value; offset += 8 * kVectors) {
    add_values<kRows, kVectors>(runs, w, offset, r0, state);
  }
  for (; offset < w.value; offset += 8) add_values<kRows, 1>(runs, w, offset, r0, state);
}

void add_block(const float* (&runs)[kRuns], std::int64_t row_count, Widths w, TileState& state) {
  const std::uint32_t* visible = state.visible;
  for (std::int64_t r = 0; r < row_count;) {
    std::int64_t alike = 1;
    while (alike < 4 && r + alike < row_count && visible[r + alike] == visible[r]) ++alike;
    if (visible[r] == 0) {
      r += alike;
    } else if (alike == 4) {
      add_whole_values<4, 3>(runs, w, r, state), r += 4;
    } else if (alike >= 2) {
      add_whole_values<2, 4>(runs, w, r, state), r += 2;
    } else {
      add_whole_values<1, 8>(runs, w, r, state), r += 1;
    }
  }
}

// Which of the block's keys a token sees: bit j stands for position `key_begin` + j.
std::uint32_t visible_keys_of_block(const AttentionArgs& args, std::int64_t token, KeyRange range,
                                    std::int64_t key_begin) {
  const std::int64_t begin = range.begin > key_begin ? range.begin - key_begin : 0;
  const std::int64_t end = range.end < key_begin + kKeys ? range.end - key_begin : kKeys;
  if (begin >= end) return 0;
  const auto bits = [](std::int64_t first, std::int64_t last) { return (~0u >> (kKeys - (last - first))) << first; };
  std::uint32_t visible = bits(begin, end);
  const KeyRange hidden = hidden_keys(args.mask, args.step.positions[token]);
  const std::int64_t hidden_begin = hidden.begin > key_begin ? hidden.begin - key_begin : 0;
  const std::int64_t hidden_end = hidden.end < key_begin + kKeys ? hidden.end - key_begin : kKeys;
  if (hidden_begin < hidden_end) visible &= ~bits(hidden_begin, hidden_end);
  if (args.mask.kind == MaskKind::kExplicit) {
    const std::uint8_t* row = args.mask.explicit_matrix + token * args.mask.explicit_stride + key_begin;
    for (std::int64_t j = begin; j < end; ++j) visible &= ~(static_cast<std::uint32_t>(row[j] == 0) << j);
  }
  return visible;
}

// Takes keys [key_begin, key_begin + kKeys) into the state; the tile reads no key from `key_end` on.
void read_block(const AttentionArgs& args, const Tile& tile, std::int64_t key_begin, std::int64_t key_end,
                TileState& state) {
  std::uint32_t needed = 0;
  std::uint32_t* visible = state.visible;
  for (std::int64_t t = tile.token_begin; t < tile.token_end; ++t) {
    const std::uint32_t word = visible_keys_of_block(args, t, visible_keys(args.mask, args.step, t), key_begin);
    for (std::int64_t h = 0; h < tile.head_count; ++h) *visible++ = word;
    needed |= word;
  }
  if (needed == 0) return;
  const PagedKv& cache = args.cache;
  const Source source{cache, block_table_of(args.step, args.step.sequences[tile.token_begin]), tile.kv_head};
  const std::int64_t row_count = tile.row_count();
  const std::int64_t next_end = row_count <= kRowsWaitingForMemory ? key_end : 0;
  const float* runs[kRuns] = {};
  open_block(source, cache.k, key_begin, needed, state.widened, runs);
  score_block(source, runs, needed, key_begin + kKeys, next_end, row_count, state);
  weigh_block(args, tile, key_begin, state);
  if (cache.latent_dim == 0) open_block(source, cache.v, key_begin, needed, state.widened, runs);
  add_block(runs, row_count, {cache.head_dim, cache.value_dim()}, state);
}

HEARTH_INLINE float* out_row(const AttentionArgs& args, const Tile& tile, std::int64_t r) {
  const std::int64_t token = tile.token_begin + r / tile.head_count;
  const std::int64_t head = tile.head_begin + r % tile.head_count;
  return static_cast<float*>(args.out) + (token * args.head_count + head) * args.cache.value_dim();
}

// Takes a finished split into the totals, which stand in `out`. A split that added nothing to a row is left out.
void merge_split(const AttentionArgs& args, const Tile& tile, TileState& state) {
  const std::int64_t width = args.cache.value_dim();
  for (std::int64_t r = 0; r < tile.row_count(); ++r) {
    if (state.split_sum[r] == 0) continue;
    const float* split_out = state.split_out + r * width;
    float* out = out_row(args, tile, r);
    if (state.total_sum[r] == 0) {
      for (std::int64_t d = 0; d < width; d += 8) store(out + d, load(split_out + d));
      state.total_max[r] = state.split_max[r];
      state.total_sum[r] = state.split_sum[r];
      continue;
    }
    const float new_max = state.split_max[r] > state.total_max[r] ? state.split_max[r] : state.total_max[r];
    const float a = exp_difference(broadcast(state.total_max[r]), new_max)[0];
    const float b = exp_difference(broadcast(state.split_max[r]), new_max)[0];
    for (std::int64_t d = 0; d < width; d += 8) store(out + d, load(out + d) * a + load(split_out + d) * b);
    state.total_sum[r] = state.total_sum[r] * a + state.split_sum[r] * b;
    state.total_max[r] = new_max;
  }
}

void finish(const AttentionArgs& args, const Tile& tile, const TileState& state) {
  for (std::int64_t r = 0; r < tile.row_count(); ++r) {
    float* out = out_row(args, tile, r);
    float sum = state.total_sum[r];
    if (args.sinks != nullptr && sum != 0) {
      const float sink = args.sinks[tile.head_begin + r % tile.head_count];
      sum += exp8(broadcast(sink - state.total_max[r]))[0];
    }
    for (std::int64_t d = 0; d < args.cache.value_dim(); d += 8) {
      store(out + d, sum == 0 ? F32x8{} : load(out + d) / sum);
    }
  }
}

// All the keys that a token of the tile sees.
KeyRange visible_keys_of_tile(const AttentionArgs& args, const Tile& tile) {
  KeyRange all = visible_keys(args.mask, args.step, tile.token_begin);
  for (std::int64_t t = tile.token_begin + 1; t < tile.token_end; ++t) {
    const KeyRange range = visible_keys(args.mask, args.step, t);
    if (range.begin < all.begin) all.begin = range.begin;
    if (range.end > all.end) all.end = range.end;
  }
  return all;
}

void attend(const AttentionArgs& args, const Tile& tile) {
  TileState state;
  const std::int64_t head_dim = args.cache.head_dim, width = args.cache.value_dim(), row_count = tile.row_count();
  for (std::int64_t r = 0; r < row_count; ++r) {
    const std::int64_t token = tile.token_begin + r / tile.head_count, head = tile.head_begin + r % tile.head_count;
    const float* q = args.q + token * args.q_stride + head * head_dim;
    for (std::int64_t d = 0; d < head_dim; d += 8) store(state.q + r * head_dim + d, load(q + d));
    state.total_max[r] = -INFINITY;
    state.total_sum[r] = 0;
  }
  const KeyRange keys = visible_keys_of_tile(args, tile);
  for (std::int64_t key = keys.begin / kKeys * kKeys; key < keys.end;) {
    for (std::int64_t r = 0; r < row_count; ++r) {
      state.split_max[r] = -INFINITY;
      state.split_sum[r] = 0;
      for (std::int64_t d = 0; d < width; d += 8) store(state.split_out + r * width + d, F32x8{});
    }
    const std::int64_t split_end = (key / kAttentionSplit + 1) * kAttentionSplit;
    for (; key < split_end && key < keys.end; key += kKeys) read_block(args, tile, key, keys.end, state);
    merge_split(args, tile, state);
  }
  finish(args, tile, state);
}

// How the step is cut into tiles: enough of them to keep every thread busy to the end, and as large as that allows.
struct Tiling {
  std::int64_t tokens;  // of a tile, before it is cut where the sequence changes
  std::int64_t heads;   // of a tile
  std::int64_t token_tiles;
  std::int64_t head_tiles;  // of one key/value head
};

Tiling choose_tiling(const AttentionArgs& args, std::int64_t thread_count) {
  const std::int64_t group = args.head_count / args.cache.kv_heads, token_count = args.step.token_count;
  const auto parts = [](std::int64_t count, std::int64_t part) { return (count + part - 1) / part; };
  Tiling tiling{};
  tiling.heads = parts(group, parts(group, kRowsMax));
  tiling.tokens = kRowsMax / tiling.heads;
  for (;;) {
    tiling.token_tiles = parts(token_count, tiling.tokens);
    tiling.head_tiles = parts(group, tiling.heads);
    const std::int64_t tasks = tiling.token_tiles * tiling.head_tiles * args.cache.kv_heads;
    if (tiling.tokens > 1 && tasks < 4 * thread_count) {
      tiling.tokens = (tiling.tokens + 1) / 2;
    } else if (tiling.heads > 1 && tasks < thread_count) {
      tiling.heads = (tiling.heads + 1) / 2;
    } else {
      return tiling;
    }
  }
}

}  // namespace

void attention(Stream& stream, const AttentionArgs& args) {
  const PagedKv& cache = args.cache;
  CHECK(has_sizes_of_attention(cache) && args.head_count % cache.kv_heads == 0);
  CHECK(cache.block_tokens > 0 && cache.block_tokens % kRun == 0);
  CHECK(cache.format == Format::kF32 || cache.format == Format::kBf16);
  CHECK(!cache.v_by_dimension && args.out_format == Format::kF32);
  CHECK((args.slopes != nullptr) + (args.biases.of_heads != nullptr) + (args.softcap != 0) <= 1);
  const StepView& step = args.step;
  if (step.token_count == 0) return;
  const std::int64_t group = args.head_count / cache.kv_heads;
  ThreadPool& pool = cpu_pool(stream);
  const Tiling tiling = choose_tiling(args, pool.thread_count());
  const std::int64_t head_tiles = cache.kv_heads * tiling.head_tiles;
  pool.run_ranges(head_tiles * tiling.token_tiles, 1, [&](std::int64_t task, std::int64_t task_end) {
    for (; task < task_end; ++task) {
      const std::int64_t head_tile = task / tiling.token_tiles;
      // The last tokens see the most keys under a causal mask: the longest tasks first.
      const std::int64_t token_tile = tiling.token_tiles - 1 - task % tiling.token_tiles;
      Tile tile{};
      tile.kv_head = head_tile / tiling.head_tiles;
      const std::int64_t first = head_tile % tiling.head_tiles * tiling.heads;
      tile.head_begin = tile.kv_head * group + first;
      tile.head_count = first + tiling.heads < group ? tiling.heads : group - first;
      const std::int64_t begin = token_tile * tiling.tokens;
      const std::int64_t end = begin + tiling.tokens < step.token_count ? begin + tiling.tokens : step.token_count;
      for (tile.token_begin = begin; tile.token_begin < end; tile.token_begin = tile.token_end) {
        const std::int32_t sequence = step.sequences[tile.token_begin];
        for (tile.token_end = tile.token_begin; tile.token_end < end && step.sequences[tile.token_end] == sequence;) {
          ++tile.token_end;
        }
        attend(args, tile);
      }
    }
  });
}

}  // namespace hearth::HEARTH_ISA
