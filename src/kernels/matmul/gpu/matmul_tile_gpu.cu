// Matrix product for many tokens: bound by the matrix unit, or where they are not so many by the speed at which weights
// are read. A block's activations pass through shared memory, three chunks of k in turn, and each wave decodes its own
// rows' weights in registers. Where rows are too few to fill the GPU, blocks share k: each leaves the sums of its
// segments in memory, and matmul_sum adds them in order, which is the stream kernel's.
#include "device/gpu/gpu.h"
#include "kernels/experts/expert_tile_gpu.h"
#include "kernels/matmul/gpu/fragment_gpu.h"
#include "kernels/matmul/gpu/matmul_gpu.h"

namespace hearth::gpu {
namespace {

// Where a block's part of a product stands.
template <int kTokens>
struct DenseTile {
  HEARTH_DEVICE int first_token() const { return block_x() * kTokens; }
  HEARTH_DEVICE int after_token(const MatmulGpuParams& p) const { return p.token_count; }
  HEARTH_DEVICE int row_block() const { return block_y(); }
  HEARTH_DEVICE std::int64_t y_row(int token) const { return token; }
  HEARTH_DEVICE float scale(const MatmulGpuParams& p) const { return p.scale; }
  HEARTH_DEVICE const float* bias_of(const float* biases) const { return biases; }
};

// How a kernel for tiles of so many tokens shares out its work.
template <class Layout, int kTokens>
struct TileShape {
  // Where a lane holds whole rows of fragments, two sets of them do not fit its registers.
  static constexpr bool kReadsAhead = Mma::kQuadsPerLane < 4;
  // Columns of k that a stage holds. Between barriers the compiler puts steps side by side, where there are registers.
  static constexpr int kChunk = kTokens > 64 ? 32 : (kReadsAhead ? 4096 : 2048) / kTokens;
  static constexpr int kStages = 3;
  static constexpr int kRowHalves = kChunk + 8;  // of a token in a stage: 16 more bytes keep lanes on different banks
  // A wave's registers hold the sums of 32 rows by 64 tokens, which read shared memory least, or of 16 rows by 128:
  // where decoding is dear, no two waves decode the same rows.
  static constexpr int kTokensPerWave = kDecodesFloats<Layout> ? 128 : 64;
  static constexpr int kTokenWaves = kTokens > kTokensPerWave ? kTokens / kTokensPerWave : 1;
  static constexpr int kRowTiles = kTokenWaves;  // of a wave
  static constexpr int kColumnTiles = kTokens / kTokenWaves / Mma::kTokens;
  // What is read at a time: whole tiles of weights and whole chunks.
  static constexpr int kUnit = Layout::kTileK > kChunk ? Layout::kTileK : kChunk;
  static constexpr int kUnitTiles = kUnit / Layout::kTileK;
  static constexpr int kUnitChunks = kUnit / kChunk;
  static constexpr int kUnitsPerSegment = kGpuMatmulSegment / kUnit;
  // Of few tokens the totals of all segments stand in registers as well, of many they are added up in y.
  static constexpr bool kKeepsTotals = kTokens <= 64;

  struct Shared {
    alignas(16) std::uint16_t x[kStages][kTokens][kRowHalves];
  };
};

// Starts copying the chunk `chunk` of the block's activations; zeros where there are none.
template <class Shape, int kTokens>
HEARTH_DEVICE void stage_chunk(const MatmulGpuParams& p, typename Shape::Shared& shared, int first_token,
                               int after_token, int chunk) {
  constexpr int kPieces = Shape::kChunk / 8;  // of 16 bytes
  constexpr int kRowsAtOnce = kMatmulThreads / kPieces;
  static_assert(kTokens % kRowsAtOnce == 0);
  const int piece = thread_index() % kPieces, k = chunk * Shape::kChunk + 8 * piece;
  HEARTH_UNROLL
  for (int i = 0; i < kTokens / kRowsAtOnce; ++i) {
    const int row = thread_index() / kPieces + i * kRowsAtOnce, token = first_token + row;
    const bool valid = token < after_token && k < p.k;
    const std::int64_t from = valid ? static_cast<std::int64_t>(token) * p.k + k : 0;
    copy_async(&shared.x[chunk % Shape::kStages][row][8 * piece], p.x + from, valid);
  }
  copy_commit();
}

template <class Layout, int kTokens, class Place>
struct TileWave {
  using Shape = TileShape<Layout, kTokens>;
  using Unit = TileFragment<Layout>[Shape::kRowTiles][Shape::kUnitTiles];
  Mma::C sums[Shape::kRowTiles][Shape::kColumnTiles];
  Mma::C totals[Shape::kKeepsTotals ? Shape::kRowTiles : 1][Shape::kColumnTiles];
  Unit weights, next;
  typename TileFragment<Layout>::GroupScales group[Shape::kRowTiles];  // of the step
  int lane, first_row, first_token;                                    // of the wave
  Place place;

  HEARTH_DEVICE explicit TileWave(const Place& where) : place(where) {}

  HEARTH_DEVICE static void clear(Mma::C (&values)[Shape::kColumnTiles]) {
    HEARTH_UNROLL
    for (int c = 0; c < Shape::kColumnTiles; ++c) values[c] = Mma::C{};
  }
  HEARTH_DEVICE void clear_sums() {
    HEARTH_UNROLL
    for (int r = 0; r < Shape::kRowTiles; ++r) clear(sums[r]);
  }
  HEARTH_DEVICE void clear_totals() {
    HEARTH_UNROLL
    for (auto& row : totals) clear(row);
  }

  // The wave's weight tiles of a unit of k; rows past the end of the matrix read its last ones and are not stored, and
  // so do columns.
  HEARTH_DEVICE void load(const MatmulGpuParams& p, int unit, int tile_count, Unit& to) const {
    const int last_row_tile = (p.n - 1) / kTileRows;
    HEARTH_UNROLL
    for (int r = 0; r < Shape::kRowTiles; ++r) {
      const int row_tile = first_row / kTileRows + r;
      const std::int64_t row = row_tile < last_row_tile ? row_tile : last_row_tile;
      HEARTH_UNROLL
      for (int t = 0; t < Shape::kUnitTiles; ++t) {
        const int tile = unit * Shape::kUnitTiles + t;
        const int here = tile < tile_count ? tile : tile_count - 1;
        to[r][t].load(p.weights + (row * tile_count + here) * Layout::kTileBytes, lane);
      }
    }
  }

  // Makes unit `unit` the current one.
  HEARTH_DEVICE void advance(const MatmulGpuParams& p, int unit, int after, int tile_count) {
    if constexpr (Shape::kReadsAhead) {
      HEARTH_UNROLL
      for (int r = 0; r < Shape::kRowTiles; ++r) {
        HEARTH_UNROLL
        for (int t = 0; t < Shape::kUnitTiles; ++t) weights[r][t] = next[r][t];
      }
      if (unit + 1 < after) load(p, unit + 1, tile_count, next);
    } else {
      load(p, unit, tile_count, weights);
    }
  }

  // One k-step of the unit: `x` is its first column in the stage's row of the wave's first token.
  HEARTH_DEVICE void multiply(const std::uint16_t* x, int step, const CodeTable& table) {
    Mma::A a[Shape::kRowTiles];
    HEARTH_UNROLL
    for (int r = 0; r < Shape::kRowTiles; ++r) {
      a[r] = weights[r][step / Layout::kSteps].decode(step % Layout::kSteps, table, group[r]);
    }
    HEARTH_UNROLL
    for (int c = 0; c < Shape::kColumnTiles; ++c) {
      const std::uint16_t* row = x + (c * Mma::kTokens + Mma::b_column(lane)) * Shape::kRowHalves;
      const Mma::B b = load_activations(row, lane, true, 16);
      HEARTH_UNROLL
      for (int r = 0; r < Shape::kRowTiles; ++r) Mma::multiply(sums[r][c], a[r], b);
    }
  }

  // Calls visit(row tile, value of a lane, row) for rows that exist.
  template <class Visit>
  HEARTH_DEVICE void for_each_row(const MatmulGpuParams& p, const Visit& visit) const {
    const int here = opaque(lane);  // else the addresses of all values are kept in registers from the start
    HEARTH_UNROLL
    for (int r = 0; r < Shape::kRowTiles; ++r) {
      HEARTH_UNROLL
      for (int e = 0; e < Mma::kValues; ++e) {
        const int n = first_row + r * kTileRows + Mma::c_row(here, e);
        if (n < p.n) visit(r, e, n, first_token + Mma::c_column(here, e));
      }
    }
  }

  HEARTH_DEVICE float sum(int r, int c, int e) const { return sums[r][c].value[e] * kSumFactor<Layout>; }

  // Leaves the sums of a segment for matmul_sum.
  HEARTH_DEVICE void store_partial(const MatmulGpuParams& p, int segment) const {
    for_each_row(p, [&](int r, int e, int n, int first) {
      HEARTH_UNROLL
      for (int c = 0; c < Shape::kColumnTiles; ++c) {
        const std::int64_t token = first + c * Mma::kTokens;
        if (token >= p.token_count) continue;
        p.partial[(static_cast<std::int64_t>(segment) * p.token_count + token) * p.n + n] = sum(r, c, e);
      }
    });
  }

  // Adds the segment's sums to the totals, and after the last segment turns these into the result.
  HEARTH_DEVICE void add_segment(const MatmulGpuParams& p, bool first, bool last) {
    if constexpr (Shape::kKeepsTotals) {
      HEARTH_UNROLL
      for (int r = 0; r < Shape::kRowTiles; ++r) {
        HEARTH_UNROLL
        for (int c = 0; c < Shape::kColumnTiles; ++c) {
          HEARTH_UNROLL
          for (int e = 0; e < Mma::kValues; ++e) totals[r][c].value[e] += sum(r, c, e);
        }
      }
      if (!last) return;
    }
    for_each_row(p, [&](int r, int e, int n, int first_of_lane) {
      const float bias = last && p.bias != nullptr ? place.bias_of(p.bias)[n] : 0.0f;
      const float scale = last ? place.scale(p) : 1.0f;
      // Read all, then write all: the compiler does not know that they do not overlap, and each would wait for the
      // last.
      float total[Shape::kColumnTiles];
      HEARTH_UNROLL
      for (int c = 0; c < Shape::kColumnTiles; ++c) {
        const int token = first_of_lane + c * Mma::kTokens;
        if constexpr (Shape::kKeepsTotals) {
          total[c] = totals[r][c].value[e];
        } else {
          const bool has_before = !first && token < place.after_token(p);
          total[c] = (has_before ? p.y[place.y_row(token) * p.y_stride + n] : 0.0f) + sum(r, c, e);
        }
      }
      HEARTH_UNROLL
      for (int c = 0; c < Shape::kColumnTiles; ++c) {
        const int token = first_of_lane + c * Mma::kTokens;
        if (token < place.after_token(p)) p.y[place.y_row(token) * p.y_stride + n] = scale * total[c] + bias;
      }
    });
  }
};

template <class Layout, int kTokens, class Place>
HEARTH_DEVICE void matmul_tile(const MatmulGpuParams& p, const Place& place) {
  using Shape = TileShape<Layout, kTokens>;
  using Shared = typename Shape::Shared;
  constexpr int kStepsPerChunk = Shape::kChunk / 16;
  HEARTH_SHARED(Shared, shared);
  const CodeTable table = code_table<Layout>(p.table);
  const int tile_count = (p.k + Layout::kTileK - 1) / Layout::kTileK;
  const int chunk_count = (p.k + Shape::kChunk - 1) / Shape::kChunk;
  const int units = (p.k + Shape::kUnit - 1) / Shape::kUnit;
  const int units_of_block = p.segments_per_block * Shape::kUnitsPerSegment;
  const int first_unit = block_z() * units_of_block;
  const int after_unit = first_unit + units_of_block < units ? first_unit + units_of_block : units;
  const int block_token = place.first_token(), after_token = place.after_token(p);

  TileWave<Layout, kTokens, Place> wave(place);
  wave.lane = lane_index();
  wave.first_row = place.row_block() * tile_rows_per_block(kWaveSize) +
                   wave_index() / Shape::kTokenWaves * Shape::kRowTiles * kTileRows;
  const int token_in_block = wave_index() % Shape::kTokenWaves * Shape::kTokensPerWave;
  wave.first_token = block_token + token_in_block;
  wave.clear_sums();
  wave.clear_totals();
  if constexpr (Shape::kReadsAhead) wave.load(p, first_unit, tile_count, wave.next);
  // Weights are nobody's output; activations are the last kernel's.
  wait_for_inputs();
  stage_chunk<Shape, kTokens>(p, shared, block_token, after_token, first_unit * Shape::kUnitChunks);
  stage_chunk<Shape, kTokens>(p, shared, block_token, after_token, first_unit * Shape::kUnitChunks + 1);

  for (int unit = first_unit; unit < after_unit; ++unit) {
    wave.advance(p, unit, after_unit, tile_count);
    HEARTH_UNROLL
    for (int part = 0; part < Shape::kUnitChunks; ++part) {
      const int chunk = unit * Shape::kUnitChunks + part;
      if (chunk >= chunk_count) break;
      copy_wait<1>();
      block_sync();
      stage_chunk<Shape, kTokens>(p, shared, block_token, after_token, chunk + 2);
      HEARTH_UNROLL
      for (int step = 0; step < kStepsPerChunk; ++step) {
        const int step_of_unit = part * kStepsPerChunk + step;
        if (Shape::kUnitTiles > 1 && unit * Shape::kUnitTiles + step_of_unit / Layout::kSteps >= tile_count) break;
        wave.multiply(&shared.x[chunk % Shape::kStages][token_in_block][16 * step], step_of_unit, table);
      }
    }
    const bool last = unit + 1 == after_unit;
    if (!last && (unit + 1) % Shape::kUnitsPerSegment != 0) continue;
    const int segment = unit / Shape::kUnitsPerSegment;
    if (p.partial != nullptr) {
      wave.store_partial(p, segment);
    } else {
      wave.add_segment(p, segment == 0, last);
    }
    wave.clear_sums();
  }
}

template <class Layout>
HEARTH_DEVICE void expert_matmul_tile(const ExpertMatmulParams& params) {
  wait_for_inputs();  // which weights are read is the router's output
  const ExpertTile tile = expert_tile<kExpertTileTokens>(params, block_y());
  if (tile.slot_count == 0) return;
  MatmulGpuParams p = params.matmul;
  p.weights += tile.expert * params.expert_bytes;
  matmul_tile<Layout, kExpertTileTokens>(p, ExpertBlock(params, tile, p.n));
}

}  // namespace

#define HEARTH_TILE(layout, Layout, tokens)                                                  \
  HEARTH_KERNEL_EARLY(matmul_tile_##layout##_##tokens, kMatmulThreads, 0, MatmulGpuParams) { \
    matmul_tile<Layout, tokens>(p, DenseTile<tokens>{});                                     \
  }
#define HEARTH_TILE_TOKENS(layout, Layout)                                           \
  HEARTH_TILE(layout, Layout, 32)                                                    \
  HEARTH_TILE(layout, Layout, 64)                                                    \
  HEARTH_TILE(layout, Layout, 128)                                                   \
  HEARTH_KERNEL_EARLY(expert_tile_##layout, kMatmulThreads, 0, ExpertMatmulParams) { \
    expert_matmul_tile<Layout>(p);                                                   \
  }

HEARTH_TILE_TOKENS(w2, LayoutW2)
HEARTH_TILE_TOKENS(w2_min, LayoutW2Min)
HEARTH_TILE_TOKENS(w3, LayoutW3)
HEARTH_TILE_TOKENS(w3_table, LayoutW3Table)
HEARTH_TILE_TOKENS(w4, LayoutW4)
HEARTH_TILE_TOKENS(w4_min, LayoutW4Min)
HEARTH_TILE_TOKENS(w4_table, LayoutW4Table)
HEARTH_TILE_TOKENS(w4_tfine, LayoutW4TableFine)
HEARTH_TILE_TOKENS(w6, LayoutW6)
HEARTH_TILE_TOKENS(w6_min, LayoutW6Min)
HEARTH_TILE_TOKENS(w8, LayoutW8)
HEARTH_TILE_TOKENS(w8_float, LayoutW8Float)
HEARTH_TILE_TOKENS(w16, LayoutW16)

}  // namespace hearth::gpu
