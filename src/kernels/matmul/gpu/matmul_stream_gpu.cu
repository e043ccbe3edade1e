// Matrix product for few tokens: bound by the speed at which weights are read. Waves read tiles of packed weights ahead
// of what they multiply, each a segment of k; a block adds the segments' sums in order. There are as many blocks as the
// GPU runs at a time, and each goes on with other rows while these last.
#include "kernels/experts/expert_tile_gpu.h"
#include "kernels/matmul/gpu/stream_gpu.h"

namespace hearth::gpu {
namespace {

static_assert(kStreamSharedColumns % kWidestTile == 0);

template <int kTokens>
constexpr int kColumns = kTokens > Mma::kTokens ? kTokens : Mma::kTokens;
// Those whose sums are added: of a single token's sixteen columns, one.
template <int kTokens>
constexpr int kSumColumns = kTokens == 1 && Mma::kTokens == 16 ? 1 : kColumns<kTokens>;

// Where a lane holds several quads, branches keep the compiler from having all of a tile's activations in registers.
constexpr bool kLargeFragments = Mma::kQuadsPerLane > 1;

// The activations of a single token stand in shared memory.
template <int kTokens>
constexpr bool kSharesActivations = kTokens == 1;

// Tiles in registers before they are needed: as many as fit, the fewer the more else stands there.
template <class Layout, int kTokens>
constexpr int ahead() {
  constexpr bool kIsLarge = Layout::kCodeBits == 6 || (Layout::kGroup == 16 && Layout::kCodeBits > 3);
  if (kSharesActivations<kTokens> && !kLargeFragments) return Layout::kCodeBits == 16 ? 8 : kIsLarge ? 3 : 4;
  return Layout::kTileK < 128 ? 4 : 2;
}

// A tile of weights and, where few tokens leave room for them, the activations that it meets. Those of a single token
// stand in shared memory.
template <class Layout, int kTokens, int kColumnTiles>
struct StreamStage {
  static constexpr bool kHasActivations = !kSharesActivations<kTokens> && kColumnTiles == 1 && !kLargeFragments;
  TileFragment<Layout> weights;
  Mma::B activations[kHasActivations ? Layout::kSteps : 1];
};

template <class Layout, int kTokens, int kColumnTiles, class Columns>
struct StreamWave {
  using Stage = StreamStage<Layout, kTokens, kColumnTiles>;
  Mma::C sums[kColumnTiles];
  int lane;
  bool aligned;  // quantized formats have k in whole blocks of 32

  const Bytes16* shared_x;  // of the single token
  Columns columns;

  HEARTH_DEVICE Mma::B activations(const MatmulGpuParams& p, int column_tile, int k) const {
    const int own = column_tile * Mma::kTokens + Mma::b_column(lane);
    if (kLargeFragments && own >= p.token_count) return zero_activations();
    // Columns without a token repeat the last one's: nobody looks at them.
    const int token = own < p.token_count ? own : p.token_count - 1;
    if (!kLargeFragments && k >= p.k) return zero_activations();
    return load_activations(p.x + static_cast<std::int64_t>(columns.x_row(token, column_tile)) * p.k + k, lane, aligned,
                            p.k - k);
  }

  // The activations that the tile at column `k` meets.
  HEARTH_DEVICE void load_activations_of(const MatmulGpuParams& p, int k, Stage& stage) const {
    if constexpr (Stage::kHasActivations) {
      HEARTH_UNROLL
      for (int step = 0; step < Layout::kSteps; ++step) stage.activations[step] = activations(p, 0, k + 16 * step);
    }
  }

  HEARTH_DEVICE void multiply(const MatmulGpuParams& p, const CodeTable& table, const Stage& stage, int k) {
    [[maybe_unused]] Bytes16 shared{};
    typename TileFragment<Layout>::GroupScales group;
    HEARTH_UNROLL
    for (int step = 0; step < Layout::kSteps; ++step) {
      if (kLargeFragments && !kSharesActivations<kTokens> && k + 16 * step >= p.k) return;
      Mma::B b[kColumnTiles];
      HEARTH_UNROLL
      for (int c = 0; c < kColumnTiles; ++c) {
        if constexpr (kSharesActivations<kTokens> && kLargeFragments) {
          // Not read before the step: the registers are weights'.
          const auto* x = reinterpret_cast<const std::uint16_t*>(shared_x) + opaque(k);
          b[c] = load_activations(x + 16 * step, lane, true, 16);
        } else if constexpr (kSharesActivations<kTokens>) {
          if (step % 2 == 0) shared = shared_x[(k / 32 + step / 2) * 4 + Mma::quad(lane, 0)];
          b[c].quad[0] = {{shared.word[step % 2 * 2], shared.word[step % 2 * 2 + 1]}};
        } else if constexpr (Stage::kHasActivations) {
          b[c] = stage.activations[step];
        } else {
          b[c] = activations(p, c, k + 16 * step);
        }
      }
      const Mma::A a = stage.weights.decode(step, table, group);
      HEARTH_UNROLL
      for (int c = 0; c < kColumnTiles; ++c) {
        Mma::multiply(sums[c], a, b[c]);
        if (kLargeFragments) pin(sums[c]);  // else the products of all steps come last, and keep their fragments
      }
    }
  }

  HEARTH_DEVICE void clear() {
    HEARTH_UNROLL
    for (int c = 0; c < kColumnTiles; ++c) sums[c] = Mma::C{};
  }
};

template <int kColumnCount, int kTokens>
struct StreamShared {
  alignas(16) std::uint16_t x[kSharesActivations<kTokens> ? kStreamSharedColumns : 8];
  StreamSums<kColumnCount> sums;
};

template <class Layout, int kTokens, class Columns = EveryToken>
HEARTH_DEVICE void matmul_stream(const MatmulGpuParams& p, const Columns& columns = {}) {
  constexpr int kColumnCount = kColumns<kTokens>;
  constexpr int kColumnTiles = kColumnCount / Mma::kTokens;
  constexpr int kDepth = ahead<Layout, kTokens>();
  using Shared = StreamShared<kSumColumns<kTokens>, kTokens>;
  HEARTH_SHARED(Shared, shared);

  const CodeTable table = code_table<Layout>(p.table);
  StreamWave<Layout, kTokens, kColumnTiles, Columns> wave;
  wave.lane = lane_index();
  wave.aligned = Layout::kCodeBits != 16 || p.k % 16 == 0;
  wave.columns = columns;
  wave.shared_x = reinterpret_cast<const Bytes16*>(shared.x);

  // A wave's tiles come from memory kDepth ahead of their use, across the ends of its tasks.
  StreamStage<Layout, kTokens, kColumnTiles> ring[kDepth];
  StreamTurns<Layout> turn(p);
  StreamTask task = turn.task_of(wave_index());
  HEARTH_UNROLL
  for (int d = 0; d < kDepth; ++d) {
    if (d < task.tile_count) ring[d].weights.load(task.from + d * Layout::kTileBytes, wave.lane);
  }
  // Weights are nobody's output; activations are the last kernel's.
  wait_for_inputs();
  if constexpr (kSharesActivations<kTokens>) {
    share_activations(p, shared.x);
    block_sync();
  }
  HEARTH_UNROLL
  for (int d = 0; d < kDepth; ++d) {
    if (d < task.tile_count) wave.load_activations_of(p, (task.first_tile + d) * Layout::kTileK, ring[d]);
  }

  for (int partial = 0; turn.exists(); partial ^= 1) {
    StreamTurns<Layout> next_turn = turn;
    next_turn.advance();
    const StreamTask next_task = next_turn.task_of(wave_index());
    wave.clear();
    // A wave without a task still reads its next one's first tiles.
    for (int i = 0; i < task.tile_count || i == 0; i += kDepth) {
      const bool is_last = i + kDepth >= task.tile_count;
      const int ahead_tile = is_last ? next_task.first_tile : task.first_tile + i + kDepth;
      const int ahead_count = is_last ? next_task.tile_count : task.tile_count - i - kDepth;
      const std::byte* ahead_from =
          is_last ? next_task.from : task.from + static_cast<std::int64_t>(i + kDepth) * Layout::kTileBytes;
      HEARTH_UNROLL
      for (int d = 0; d < kDepth; ++d) {
        if (i + d < task.tile_count) wave.multiply(p, table, ring[d], (task.first_tile + i + d) * Layout::kTileK);
        if (d < ahead_count) {
          ring[d].weights.load(ahead_from + d * Layout::kTileBytes, wave.lane);
          wave.load_activations_of(p, (ahead_tile + d) * Layout::kTileK, ring[d]);
        }
      }
    }
    HEARTH_UNROLL
    for (int c = 0; c < kColumnTiles; ++c) {
      HEARTH_UNROLL
      for (int e = 0; e < Mma::kValues; ++e) {
        const int token = c * Mma::kTokens + Mma::c_column(wave.lane, e);
        if (kSumColumns<kTokens> < kColumnCount && token >= kSumColumns<kTokens>) continue;
        shared.sums.partial[partial][wave_index()][token][Mma::c_row(wave.lane, e)] =
            wave.sums[c].value[e] * kSumFactor<Layout>;
      }
    }
    block_sync();
    add_turn(p, turn, partial, shared.sums, columns);
    turn = next_turn;
    task = next_task;
  }
}

// The rows that a tile's slots read and write.
constexpr int kTileSlots = static_cast<int>(kExpertTileSlots[0]);
struct TileColumns {
  const ExpertTilesParams* tiles = nullptr;
  int first = 0;
  std::int64_t bias_begin = 0;
  std::int32_t x[kTileSlots / Mma::kTokens] = {};  // of the lane's column in each tile of columns

  HEARTH_DEVICE int x_row(int, int column_tile) const { return x[column_tile]; }
  HEARTH_DEVICE int y_row(int token) const { return slot_at(*tiles, first + token); }
  HEARTH_DEVICE const float* bias_of(const float* biases) const { return biases + bias_begin; }
};

HEARTH_DEVICE TileColumns columns_of(const ExpertMatmulParams& params, const ExpertTile& tile) {
  TileColumns columns;
  columns.tiles = &params;
  columns.first = tile.first;
  columns.bias_begin = static_cast<std::int64_t>(tile.expert) * params.matmul.n;
  HEARTH_UNROLL
  for (int t = 0; t < kTileSlots / Mma::kTokens; ++t) {
    const int own = t * Mma::kTokens + Mma::b_column(lane_index());
    const int place = tile.first + (own < tile.slot_count ? own : tile.slot_count - 1);
    columns.x[t] = slot_at(params, place) / params.slots_per_row;
  }
  return columns;
}

// The product of one expert.
HEARTH_DEVICE MatmulGpuParams matmul_of(const ExpertMatmulParams& params, const ExpertTile& tile) {
  MatmulGpuParams p = params.matmul;
  p.token_count = tile.slot_count;
  p.weights += tile.expert * params.expert_bytes;
  if (params.scales != nullptr) p.scale *= params.scales[tile.expert];
  return p;
}

// The stream kernel for each tile of slots, with its expert's weights.
template <class Layout>
HEARTH_DEVICE void expert_matmul(const ExpertMatmulParams& params) {
  wait_for_inputs();  // which weights are read is the router's output
  const ExpertTile tile = expert_tile<kTileSlots>(params, block_y());
  if (tile.slot_count == 0) return;
  matmul_stream<Layout, kTileSlots>(matmul_of(params, tile), columns_of(params, tile));
}

struct SingleSlot {
  std::int64_t bias_begin = 0;

  HEARTH_DEVICE int x_row(int, int) const { return 0; }
  HEARTH_DEVICE int y_row(int) const { return 0; }
  HEARTH_DEVICE const float* bias_of(const float* biases) const { return biases + bias_begin; }
};

// The same where each slot is a tile: the stream kernel for a single token.
template <class Layout>
HEARTH_DEVICE void expert_matmul_single(const ExpertMatmulParams& params) {
  wait_for_inputs();
  const int slot = block_y();
  const ExpertTile tile{params.experts[slot], slot, 1};
  MatmulGpuParams p = matmul_of(params, tile);
  p.x += static_cast<std::int64_t>(slot / params.slots_per_row) * p.k;
  p.y += slot * p.y_stride;
  matmul_stream<Layout, 1>(p, SingleSlot{static_cast<std::int64_t>(tile.expert) * p.n});
}

}  // namespace

#define HEARTH_STREAM(layout, Layout, tokens)                                                              \
  HEARTH_KERNEL_EARLY(matmul_stream_##layout##_##tokens, kMatmulThreads, kStreamBlocks, MatmulGpuParams) { \
    matmul_stream<Layout, tokens>(p);                                                                      \
  }
#define HEARTH_STREAM_TOKENS(layout, Layout)                                                       \
  HEARTH_STREAM(layout, Layout, 1)                                                                 \
  HEARTH_STREAM(layout, Layout, 8)                                                                 \
  HEARTH_STREAM(layout, Layout, 16)                                                                \
  HEARTH_KERNEL_EARLY(expert_matmul_##layout, kMatmulThreads, kStreamBlocks, ExpertMatmulParams) { \
    expert_matmul<Layout>(p);                                                                      \
  }                                                                                                \
  HEARTH_KERNEL_EARLY(expert_single_##layout, kMatmulThreads, kStreamBlocks, ExpertMatmulParams) { \
    expert_matmul_single<Layout>(p);                                                               \
  }

HEARTH_STREAM_TOKENS(w2, LayoutW2)
HEARTH_STREAM_TOKENS(w2_min, LayoutW2Min)
HEARTH_STREAM_TOKENS(w3, LayoutW3)
HEARTH_STREAM_TOKENS(w3_table, LayoutW3Table)
HEARTH_STREAM_TOKENS(w4, LayoutW4)
HEARTH_STREAM_TOKENS(w4_min, LayoutW4Min)
HEARTH_STREAM_TOKENS(w4_table, LayoutW4Table)
HEARTH_STREAM_TOKENS(w4_tfine, LayoutW4TableFine)
HEARTH_STREAM_TOKENS(w6, LayoutW6)
HEARTH_STREAM_TOKENS(w6_min, LayoutW6Min)
HEARTH_STREAM_TOKENS(w8, LayoutW8)
HEARTH_STREAM_TOKENS(w8_float, LayoutW8Float)
HEARTH_STREAM_TOKENS(w16, LayoutW16)

}  // namespace hearth::gpu
