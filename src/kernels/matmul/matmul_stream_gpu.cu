// Matrix product for few tokens: bound by the speed at which weights are read. Waves read tiles of packed weights ahead
// of what they multiply, each a segment of k; a block adds the segments' sums in order.
#include "device/gpu/gpu.h"
#include "kernels/matmul/fragment_gpu.h"
#include "kernels/matmul/matmul_gpu.h"

namespace hearth::gpu {
namespace {

constexpr int kWaves = kMatmulThreads / kWaveSize;
constexpr int kWidestTile = 128;  // columns of any layout's tile
static_assert(kStreamSharedColumns % kWidestTile == 0);

template <int kTokens>
constexpr int kColumns = kTokens > Mma::kTokens ? kTokens : Mma::kTokens;

// Where a lane holds several quads, branches keep the compiler from having all of a tile's activations in registers.
constexpr bool kLargeFragments = Mma::kQuadsPerLane > 1;

// Whether the activations of a single token stand in shared memory: where a lane's fragment is one quad.
template <int kTokens>
constexpr bool kSharesActivations = kTokens == 1 && !kLargeFragments;

// Where element `k` of shared activations stands: a lane's quads of two k-steps in a row, 16 bytes.
HEARTH_DEVICE int shared_place(int k) {
  const int within = k % 16;
  return k / 32 * 32 + within % 8 / 2 * 8 + k / 16 % 2 * 4 + within / 8 * 2 + within % 2;
}

// Tiles in registers before they are needed: as many as fit, the fewer the more else stands there.
template <class Layout, int kTokens>
constexpr int ahead() {
  if (kSharesActivations<kTokens>) return Layout::kCodeBits == 16 ? 8 : Layout::kCodeBits == 6 ? 3 : 4;
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

template <class Layout, int kTokens, int kColumnTiles>
struct StreamWave {
  using Stage = StreamStage<Layout, kTokens, kColumnTiles>;
  Mma::C sums[kColumnTiles];
  int lane;
  bool aligned;  // quantized formats have k in whole blocks of 32

  const Bytes16* shared_x;  // of the single token

  HEARTH_DEVICE Mma::B activations(const MatmulGpuParams& p, int column_tile, int k) const {
    const int own = column_tile * Mma::kTokens + Mma::b_column(lane);
    if (kLargeFragments && own >= p.token_count) return zero_activations();
    // Columns without a token repeat the last one's: nobody looks at them.
    const int token = own < p.token_count ? own : p.token_count - 1;
    if (!kLargeFragments && k >= p.k) return zero_activations();
    return load_activations(p.x + static_cast<std::int64_t>(token) * p.k + k, lane, aligned, p.k - k);
  }

  // The activations that the tile at column `k` meets.
  HEARTH_DEVICE void load_activations_of(const MatmulGpuParams& p, int k, Stage& stage) const {
    if constexpr (Stage::kHasActivations) {
      HEARTH_UNROLL
      for (int step = 0; step < Layout::kSteps; ++step) stage.activations[step] = activations(p, 0, k + 16 * step);
    }
  }

  HEARTH_DEVICE void multiply(const MatmulGpuParams& p, const Stage& stage, int k) {
    const CodeTable table{{p.table[0], p.table[1], p.table[2], p.table[3]}};
    [[maybe_unused]] Bytes16 shared{};
    HEARTH_UNROLL
    for (int step = 0; step < Layout::kSteps; ++step) {
      if (kLargeFragments && k + 16 * step >= p.k) return;
      Mma::B b[kColumnTiles];
      HEARTH_UNROLL
      for (int c = 0; c < kColumnTiles; ++c) {
        if constexpr (kSharesActivations<kTokens>) {
          if (step % 2 == 0) shared = shared_x[(k / 32 + step / 2) * 4 + Mma::quad(lane, 0)];
          b[c].quad[0] = {{shared.word[step % 2 * 2], shared.word[step % 2 * 2 + 1]}};
        } else if constexpr (Stage::kHasActivations) {
          b[c] = stage.activations[step];
        } else {
          b[c] = activations(p, c, k + 16 * step);
        }
      }
      const Mma::A a = stage.weights.decode(step, table);
      HEARTH_UNROLL
      for (int c = 0; c < kColumnTiles; ++c) Mma::multiply(sums[c], a, b[c]);
    }
  }

  // The sum over one segment, from zero. What lies beyond k is zeros.
  // `fetch_inputs` is called once weights are on their way, where `first_time` says that it was not yet.
  template <class Fetch>
  HEARTH_DEVICE void run(const MatmulGpuParams& p, int row_tile, int segment, bool first_time, Fetch fetch_inputs) {
    constexpr int kDepth = ahead<Layout, kTokens>();
    lane = lane_index();
    aligned = Layout::kCodeBits != 16 || p.k % 16 == 0;
    HEARTH_UNROLL
    for (int c = 0; c < kColumnTiles; ++c) sums[c] = Mma::C{};
    const int tiles = (p.k + Layout::kTileK - 1) / Layout::kTileK;
    const int first = segment * (kGpuMatmulSegment / Layout::kTileK);
    const int after = first + kGpuMatmulSegment / Layout::kTileK;
    const int count = (after < tiles ? after : tiles) - first;
    const std::byte* from = p.weights + (static_cast<std::int64_t>(row_tile) * tiles + first) * Layout::kTileBytes;
    Stage ring[kDepth];
    HEARTH_UNROLL
    for (int d = 0; d < kDepth; ++d) {
      if (d < count) ring[d].weights.load(from + d * Layout::kTileBytes, lane);
    }
    // Weights are nobody's output; activations are the last kernel's.
    if (first_time) fetch_inputs();
    HEARTH_UNROLL
    for (int d = 0; d < kDepth; ++d) {
      if (d < count) load_activations_of(p, (first + d) * Layout::kTileK, ring[d]);
    }
    for (int i = 0; i < count; i += kDepth) {
      HEARTH_UNROLL
      for (int d = 0; d < kDepth; ++d) {
        if (i + d >= count) break;
        multiply(p, ring[d], (first + i + d) * Layout::kTileK);
        const int next = i + d + kDepth;
        if (next < count) {
          ring[d].weights.load(from + static_cast<std::int64_t>(next) * Layout::kTileBytes, lane);
          load_activations_of(p, (first + next) * Layout::kTileK, ring[d]);
        }
      }
    }
  }
};

template <int kColumnCount, int kTokens>
struct StreamShared {
  alignas(16) std::uint16_t x[kSharesActivations<kTokens> ? kStreamSharedColumns : 8];
  float partial[kWaves][kColumnCount][kTileRows + 1];
  float total[kStreamOutputsMax * kTileRows];
};

template <class Layout, int kTokens>
HEARTH_DEVICE void matmul_stream(const MatmulGpuParams& p) {
  constexpr int kColumnCount = kColumns<kTokens>;
  constexpr int kColumnTiles = kColumnCount / Mma::kTokens;
  using Shared = StreamShared<kColumnCount, kTokens>;
  HEARTH_SHARED(Shared, shared);

  const int segments = (p.k + kGpuMatmulSegment - 1) / kGpuMatmulSegment;
  const int row_tiles = (p.n + kTileRows - 1) / kTileRows;
  const int first_row_tile = block_x() * p.row_tiles_per_block;
  const int here =
      row_tiles - first_row_tile < p.row_tiles_per_block ? row_tiles - first_row_tile : p.row_tiles_per_block;
  const int tasks = here * segments;  // row tile by row tile, segments ascending
  const int outputs = here * kTileRows * kColumnCount;

  for (int first_task = 0; first_task < tasks; first_task += kWaves) {
    const int task = first_task + wave_index();
    // Every wave takes part in bringing the single token's activations, those without a task too.
    const auto fetch_inputs = [&] {
      wait_for_inputs();
      if constexpr (kSharesActivations<kTokens>) {
        const int end = (p.k + kWidestTile - 1) / kWidestTile * kWidestTile;
        for (int k = thread_index(); k < end; k += kMatmulThreads) {
          shared.x[shared_place(k)] = k < p.k ? p.x[k] : std::uint16_t{0};
        }
        block_sync();
      }
    };
    if (task >= tasks && first_task == 0) fetch_inputs();
    if (task < tasks) {
      StreamWave<Layout, kTokens, kColumnTiles> wave;
      wave.shared_x = reinterpret_cast<const Bytes16*>(shared.x);
      wave.run(p, first_row_tile + task / segments, task % segments, first_task == 0, fetch_inputs);
      HEARTH_UNROLL
      for (int c = 0; c < kColumnTiles; ++c) {
        HEARTH_UNROLL
        for (int e = 0; e < Mma::kValues; ++e) {
          const int token = c * Mma::kTokens + Mma::c_column(wave.lane, e);
          shared.partial[wave_index()][token][Mma::c_row(wave.lane, e)] = wave.sums[c].value[e];
        }
      }
    }
    block_sync();
    for (int i = thread_index(); i < outputs; i += kMatmulThreads) {
      const int row_tile = i / (kTileRows * kColumnCount), token = i / kTileRows % kColumnCount, row = i % kTileRows;
      float total = first_task == 0 ? 0.0f : shared.total[i];
      HEARTH_UNROLL
      for (int w = 0; w < kWaves; ++w) {
        if (first_task + w < tasks && (first_task + w) / segments == row_tile) total += shared.partial[w][token][row];
      }
      shared.total[i] = total;
      const int n = (first_row_tile + row_tile) * kTileRows + row;
      if (first_task + kWaves >= tasks && token < p.token_count && n < p.n) {
        p.y[token * p.y_stride + n] = p.scale * total + (p.bias == nullptr ? 0.0f : p.bias[n]);
      }
    }
    block_sync();
  }
}

}  // namespace

// Of the kernels for the fewest tokens two blocks fit a multiprocessor.
#define HEARTH_STREAM(layout, Layout, tokens, blocks)                                               \
  HEARTH_KERNEL_EARLY(matmul_stream_##layout##_##tokens, kMatmulThreads, blocks, MatmulGpuParams) { \
    matmul_stream<Layout, tokens>(p);                                                               \
  }
#define HEARTH_STREAM_TOKENS(layout, Layout) \
  HEARTH_STREAM(layout, Layout, 1, 2)        \
  HEARTH_STREAM(layout, Layout, 8, 2)        \
  HEARTH_STREAM(layout, Layout, 16, 2)       \
  HEARTH_STREAM(layout, Layout, 32, 1)       \
  HEARTH_STREAM(layout, Layout, 64, 1)

HEARTH_STREAM_TOKENS(w4, LayoutW4)
HEARTH_STREAM_TOKENS(w4_min, LayoutW4Min)
HEARTH_STREAM_TOKENS(w4_fine, LayoutW4Fine)
HEARTH_STREAM_TOKENS(w4_table, LayoutW4Table)
HEARTH_STREAM_TOKENS(w6, LayoutW6)
HEARTH_STREAM_TOKENS(w6_min, LayoutW6Min)
HEARTH_STREAM_TOKENS(w8, LayoutW8)
HEARTH_STREAM_TOKENS(w16, LayoutW16)

}  // namespace hearth::gpu
