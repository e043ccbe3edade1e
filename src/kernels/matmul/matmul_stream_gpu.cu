// Matrix product for few tokens: bound by the speed at which weights are read. Waves read tiles of packed weights ahead
// of what they multiply, each a segment of k; a block adds the segments' sums in order.
#include "device/gpu/gpu.h"
#include "kernels/matmul/fragment_gpu.h"
#include "kernels/matmul/matmul_gpu.h"

namespace hearth::gpu {
namespace {

constexpr int kWaves = kMatmulThreads / kWaveSize;

template <int kTokens>
constexpr int kColumns = kTokens > Mma::kTokens ? kTokens : Mma::kTokens;

template <class Layout>
constexpr int kAhead = Layout::kTileK < 128 ? 4 : 2;  // tiles in registers before they are needed

// A tile of weights and, where few tokens leave room for them, the activations that it meets.
template <class Layout, int kColumnTiles>
struct StreamStage {
  static constexpr bool kHasActivations = kColumnTiles == 1 && Mma::kQuadsPerLane == 1;
  TileFragment<Layout> weights;
  Mma::B activations[kHasActivations ? Layout::kSteps : 1];
};

template <class Layout, int kColumnTiles>
struct StreamWave {
  using Stage = StreamStage<Layout, kColumnTiles>;
  Mma::C sums[kColumnTiles];
  int lane;
  int column;    // of the lane's activations in a column tile
  bool aligned;  // quantized formats have k in whole blocks of 32

  HEARTH_DEVICE Mma::B activations(const MatmulGpuParams& p, int column_tile, int k) const {
    const int token = column_tile * Mma::kTokens + column;
    if (token >= p.token_count || k >= p.k) return zero_activations();
    return load_activations(p.x + static_cast<std::int64_t>(token) * p.k + k, lane, aligned, p.k - k);
  }

  // The tile at column `k`, which stands at `from`.
  HEARTH_DEVICE void load(const MatmulGpuParams& p, const std::byte* from, int k, Stage& stage) const {
    stage.weights.load(from, lane);
    if constexpr (Stage::kHasActivations) {
      HEARTH_UNROLL
      for (int step = 0; step < Layout::kSteps; ++step) stage.activations[step] = activations(p, 0, k + 16 * step);
    }
  }

  HEARTH_DEVICE void multiply(const MatmulGpuParams& p, const Stage& stage, int k) {
    const CodeTable table{{p.table[0], p.table[1], p.table[2], p.table[3]}};
    HEARTH_UNROLL
    for (int step = 0; step < Layout::kSteps; ++step) {
      Mma::B b[kColumnTiles];
      HEARTH_UNROLL
      for (int c = 0; c < kColumnTiles; ++c) {
        if constexpr (Stage::kHasActivations) {
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
  HEARTH_DEVICE void run(const MatmulGpuParams& p, int row_tile, int segment) {
    constexpr int kDepth = kAhead<Layout>;
    lane = lane_index();
    column = Mma::b_column(lane);
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
      if (d < count) load(p, from + d * Layout::kTileBytes, (first + d) * Layout::kTileK, ring[d]);
    }
    for (int i = 0; i < count; i += kDepth) {
      HEARTH_UNROLL
      for (int d = 0; d < kDepth; ++d) {
        if (i + d >= count) break;
        multiply(p, ring[d], (first + i + d) * Layout::kTileK);
        const int next = i + d + kDepth;
        if (next < count) {
          load(p, from + static_cast<std::int64_t>(next) * Layout::kTileBytes, (first + next) * Layout::kTileK,
               ring[d]);
        }
      }
    }
  }
};

template <int kColumnCount>
struct StreamShared {
  float partial[kWaves][kColumnCount][kTileRows + 1];
  float total[kStreamOutputsMax * kTileRows];
};

template <class Layout, int kTokens>
HEARTH_DEVICE void matmul_stream(const MatmulGpuParams& p) {
  constexpr int kColumnCount = kColumns<kTokens>;
  constexpr int kColumnTiles = kColumnCount / Mma::kTokens;
  using Shared = StreamShared<kColumnCount>;
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
    if (task < tasks) {
      StreamWave<Layout, kColumnTiles> wave;
      wave.run(p, first_row_tile + task / segments, task % segments);
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
#define HEARTH_STREAM(layout, Layout, tokens, blocks)                                                \
  HEARTH_KERNEL_BLOCKS(matmul_stream_##layout##_##tokens, kMatmulThreads, blocks, MatmulGpuParams) { \
    matmul_stream<Layout, tokens>(p);                                                                \
  }
#define HEARTH_STREAM_TOKENS(layout, Layout) \
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
