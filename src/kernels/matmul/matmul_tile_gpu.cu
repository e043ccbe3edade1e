// Matrix product for many tokens: bound by the matrix unit. A block computes kTileTokens columns; its activations pass
// through shared memory, three chunks of k in turn, and each wave decodes its own rows' weights in registers. A
// segment's sums stay in registers and are then added to what stands in y, so the order is the stream kernel's.
#include "device/gpu/gpu.h"
#include "kernels/matmul/fragment_gpu.h"
#include "kernels/matmul/matmul_gpu.h"

namespace hearth::gpu {
namespace {

constexpr int kChunk = 32;  // columns of k that a stage holds
constexpr int kStages = 3;
constexpr int kRowHalves = 40;  // of a token in a stage: 16 more bytes than the chunk keep lanes on different banks
constexpr int kTokenWaves = kTileTokens / kTileTokensPerWave;
constexpr int kRowTiles = kTileRowsPerWave / kTileRows;
constexpr int kColumnTiles = kTileTokensPerWave / Mma::kTokens;

// Where a lane holds whole rows of fragments, two sets of them do not fit its registers.
constexpr bool kReadsAhead = Mma::kQuadsPerLane < 4;

struct TileShared {
  alignas(16) std::uint16_t x[kStages][kTileTokens][kRowHalves];
};

// Starts copying the chunk `chunk` of the block's activations; zeros where there are none.
HEARTH_DEVICE void stage_chunk(const MatmulGpuParams& p, TileShared& shared, int first_token, int chunk) {
  constexpr int kPieces = kChunk / 8;  // of 16 bytes
  const int piece = thread_index() % kPieces, k = chunk * kChunk + 8 * piece;
  HEARTH_UNROLL
  for (int i = 0; i < kTileTokens * kPieces / kMatmulThreads; ++i) {
    const int row = thread_index() / kPieces + i * (kMatmulThreads / kPieces), token = first_token + row;
    const bool valid = token < p.token_count && k < p.k;
    const std::int64_t from = valid ? static_cast<std::int64_t>(token) * p.k + k : 0;
    copy_async(&shared.x[chunk % kStages][row][8 * piece], p.x + from, valid);
  }
  copy_commit();
}

template <class Layout>
struct TileWave {
  Mma::C sums[kRowTiles][kColumnTiles];
  TileFragment<Layout> tiles[kRowTiles], next[kReadsAhead ? kRowTiles : 1];
  int lane, first_row, first_token;  // of the wave

  HEARTH_DEVICE void clear() {
    HEARTH_UNROLL
    for (int r = 0; r < kRowTiles; ++r) {
      HEARTH_UNROLL
      for (int c = 0; c < kColumnTiles; ++c) sums[r][c] = Mma::C{};
    }
  }

  // The wave's weight tiles at tile `index` of k; rows past the end of the matrix read its last ones and are not
  // stored.
  HEARTH_DEVICE void load(const MatmulGpuParams& p, int index, int tile_count, TileFragment<Layout>* to) const {
    const int last_row_tile = (p.n - 1) / kTileRows;
    HEARTH_UNROLL
    for (int r = 0; r < kRowTiles; ++r) {
      const int row_tile = first_row / kTileRows + r;
      const std::int64_t at = row_tile < last_row_tile ? row_tile : last_row_tile;
      to[r].load(p.weights + (at * tile_count + index) * Layout::kTileBytes, lane);
    }
  }

  HEARTH_DEVICE void start(const MatmulGpuParams& p, int tile_count) {
    if constexpr (kReadsAhead) load(p, 0, tile_count, next);
  }

  // Makes tile `index` the current one.
  HEARTH_DEVICE void advance(const MatmulGpuParams& p, int index, int tile_count) {
    if constexpr (kReadsAhead) {
      HEARTH_UNROLL
      for (int r = 0; r < kRowTiles; ++r) tiles[r] = next[r];
      if (index + 1 < tile_count) load(p, index + 1, tile_count, next);
    } else {
      load(p, index, tile_count, tiles);
    }
  }

  // One k-step: `x` is its first column in the stage's row of the wave's first token.
  HEARTH_DEVICE void multiply(const std::uint16_t* x, int step, const CodeTable& table) {
    Mma::A a[kRowTiles];
    HEARTH_UNROLL
    for (int r = 0; r < kRowTiles; ++r) a[r] = tiles[r].decode(step, table);
    HEARTH_UNROLL
    for (int c = 0; c < kColumnTiles; ++c) {
      const Mma::B b = load_activations(x + (c * Mma::kTokens + Mma::b_column(lane)) * kRowHalves, lane, true, 16);
      HEARTH_UNROLL
      for (int r = 0; r < kRowTiles; ++r) Mma::multiply(sums[r][c], a[r], b);
    }
  }

  // Adds the segment's sums to y, and after the last segment turns the total into the result.
  HEARTH_DEVICE void flush(const MatmulGpuParams& p, bool first, bool last) {
    const int here = opaque(lane);  // else the addresses of all values are kept in registers from the start
    HEARTH_UNROLL
    for (int r = 0; r < kRowTiles; ++r) {
      HEARTH_UNROLL
      for (int e = 0; e < Mma::kValues; ++e) {
        const int n = first_row + r * kTileRows + Mma::c_row(here, e);
        if (n >= p.n) continue;
        const float bias = last && p.bias != nullptr ? p.bias[n] : 0.0f;
        const float scale = last ? p.scale : 1.0f;
        // Read all, then write all: the compiler does not know that they do not overlap, and each would wait for the
        // last.
        float before[kColumnTiles];
        HEARTH_UNROLL
        for (int c = 0; c < kColumnTiles; ++c) {
          const std::int64_t token = first_token + c * Mma::kTokens + Mma::c_column(here, e);
          before[c] = first || token >= p.token_count ? 0.0f : p.y[token * p.y_stride + n];
        }
        HEARTH_UNROLL
        for (int c = 0; c < kColumnTiles; ++c) {
          const std::int64_t token = first_token + c * Mma::kTokens + Mma::c_column(here, e);
          const float total = before[c] + sums[r][c].value[e];
          if (token < p.token_count) p.y[token * p.y_stride + n] = scale * total + bias;
        }
      }
    }
    clear();
  }
};

template <class Layout>
HEARTH_DEVICE void matmul_tile(const MatmulGpuParams& p) {
  constexpr int kChunksPerTile = Layout::kTileK / kChunk;
  constexpr int kTilesPerSegment = kGpuMatmulSegment / Layout::kTileK;
  HEARTH_SHARED(TileShared, shared);
  const CodeTable table{{p.table[0], p.table[1], p.table[2], p.table[3]}};
  const int tile_count = (p.k + Layout::kTileK - 1) / Layout::kTileK, chunk_count = (p.k + kChunk - 1) / kChunk;
  const int block_token = block_x() * kTileTokens;

  TileWave<Layout> wave;
  wave.lane = lane_index();
  wave.first_row = block_y() * tile_rows_per_block(kWaveSize) + wave_index() / kTokenWaves * kTileRowsPerWave;
  const int token_in_block = wave_index() % kTokenWaves * kTileTokensPerWave;
  wave.first_token = block_token + token_in_block;
  wave.clear();
  wave.start(p, tile_count);
  stage_chunk(p, shared, block_token, 0);
  stage_chunk(p, shared, block_token, 1);

  for (int tile = 0; tile < tile_count; ++tile) {
    wave.advance(p, tile, tile_count);
    HEARTH_UNROLL
    for (int part = 0; part < kChunksPerTile; ++part) {
      const int chunk = tile * kChunksPerTile + part;
      if (chunk >= chunk_count) break;
      copy_wait<1>();
      block_sync();
      stage_chunk(p, shared, block_token, chunk + 2);
      HEARTH_UNROLL
      for (int step = 0; step < kChunk / 16; ++step) {
        wave.multiply(&shared.x[chunk % kStages][token_in_block][16 * step], part * (kChunk / 16) + step, table);
      }
    }
    const bool last = tile + 1 == tile_count;
    if (last || (tile + 1) % kTilesPerSegment == 0) wave.flush(p, tile < kTilesPerSegment, last);
  }
}

}  // namespace

#define HEARTH_TILE(layout, Layout)                                      \
  HEARTH_KERNEL(matmul_tile_##layout, kMatmulThreads, MatmulGpuParams) { \
    matmul_tile<Layout>(p);                                              \
  }

HEARTH_TILE(w4, LayoutW4)
HEARTH_TILE(w4_min, LayoutW4Min)
HEARTH_TILE(w4_fine, LayoutW4Fine)
HEARTH_TILE(w4_table, LayoutW4Table)
HEARTH_TILE(w6, LayoutW6)
HEARTH_TILE(w6_min, LayoutW6Min)
HEARTH_TILE(w8, LayoutW8)
HEARTH_TILE(w16, LayoutW16)

}  // namespace hearth::gpu
