// Matrix product for many tokens on Hopper: the portable tile kernel's sums, to the bit, at the speed of wgmma. One
// thread has the copy engine bring packed weights and activations, rings of stages ahead; two warpgroups decode
// weights into registers and multiply them with the activations in shared memory. Where rows are too few to fill the
// GPU, blocks share k: each leaves the sums of its segments in memory, and matmul_sum adds them in order.
#include "device/gpu/gpu_hopper.h"
#include "kernels/experts/expert_tile_gpu.h"
#include "kernels/matmul/gpu/fragment_gpu.h"
#include "kernels/matmul/gpu/matmul_gpu.h"

namespace hearth::gpu {
namespace {

constexpr int kConsumers = 2;  // warpgroups that multiply, 64 rows each

struct HopperRing {
  Barrier* full;
  Barrier* empty;
  int count;
  int index = 0, parity = 0;

  HEARTH_DEVICE HopperRing(std::byte* barriers, int stages)
      : full(reinterpret_cast<Barrier*>(barriers)), empty(full + stages), count(stages) {}
  HEARTH_DEVICE void init(int consumers) const {
    for (int i = 0; i < count; ++i) {
      full[i].init(1);
      empty[i].init(consumers);
    }
  }
  HEARTH_DEVICE void wait_full() const { full[index].wait(parity); }
  HEARTH_DEVICE void wait_empty() const { empty[index].wait(parity ^ 1); }
  HEARTH_DEVICE void advance() {
    if (++index < count) return;
    index = 0;
    parity ^= 1;
  }
};

// Where a block's part of a product stands: rows of x (`token`), rows of weights (in tiles of 16), and rows of y.
template <int kTokens>
struct DenseBlock {
  HEARTH_DEVICE int first_token() const { return block_x() * kTokens; }
  HEARTH_DEVICE int after_token(const MatmulGpuParams& p) const { return p.token_count; }
  HEARTH_DEVICE int row_block() const { return block_y(); }
  HEARTH_DEVICE int weight_tile() const { return block_y() * (kHopperRows / kTileRows); }
  HEARTH_DEVICE std::int64_t y_row(int token) const { return token; }
  HEARTH_DEVICE float scale(const MatmulGpuParams& p) const { return p.scale; }
  HEARTH_DEVICE const float* bias_of(const float* biases) const { return biases; }
};

// The same of a tile of slots, whose rows of x stand in the order of experts.
struct ExpertHopperBlock : ExpertBlock {
  int row_tiles;  // of an expert

  HEARTH_DEVICE ExpertHopperBlock(const ExpertTilesParams& p, const ExpertTile& its, int expert_row_tiles, int n)
      : ExpertBlock(p, its, n), row_tiles(expert_row_tiles) {}
  HEARTH_DEVICE int row_block() const { return block_x(); }
  HEARTH_DEVICE int weight_tile() const { return tile.expert * row_tiles + block_x() * (kHopperRows / kTileRows); }
};

template <class Layout, int kTokens, class Place>
struct HopperBlock {
  using Shared = HopperShared<Layout, kTokens>;
  static constexpr int kRowTiles = kHopperRows / kTileRows;
  static constexpr int kStagesPerSegment = kGpuMatmulSegment / Shared::kWeightColumns;
  static constexpr int kValues = kTokens / 2;  // sums of a thread
  static constexpr int kCluster = hopper_cluster(kTokens);

  Place place;
  std::byte* shared;
  HopperRing ring;
  int first_stage, after_stage;  // this block's

  HEARTH_DEVICE HopperBlock(const Place& where, std::byte* memory, const MatmulHopperParams& params)
      : place(where), shared(memory), ring(memory + Shared::kBarriersAt, Shared::kStages) {
    // The last may be cut short: beyond a matrix's end the copy engine brings zeros.
    const int stages = (params.matmul.k + Shared::kWeightColumns - 1) / Shared::kWeightColumns;
    const int here = params.matmul.segments_per_block * kStagesPerSegment;
    first_stage = block_z() * here;
    after_stage = first_stage + here < stages ? first_stage + here : stages;
  }

  HEARTH_DEVICE std::byte* activations(int index) const { return shared + index * Shared::kActivationBytes; }
  HEARTH_DEVICE std::byte* weights(int index) const {
    return shared + Shared::kWeightsAt + index * Shared::kWeightBytes;
  }

  // Starts a stage with its weights. One copy brings those of all the block's rows: a thread that issues one for each
  // is what bounds the kernel.
  HEARTH_DEVICE void produce_weights(const MatmulHopperParams& params, HopperRing& at, int stage) {
    at.wait_empty();
    Barrier& full = at.full[at.index];
    full.arrive_expecting(Shared::kWeightBytes + Shared::kActivationBytes);
    copy_box(weights(at.index), params.weight_map, stage * (Shared::kRowBytes / 8), place.weight_tile(), full);
    at.advance();
  }

  HEARTH_DEVICE void produce_activations(const MatmulHopperParams& params, HopperRing& at, int stage) {
    for (int part = 0; part < Shared::kChunks; ++part) {
      std::byte* to = activations(at.index) + part * Shared::kChunkBytes;
      const int column = (stage * Shared::kChunks + part) * kHopperChunk, token = place.first_token();
      if constexpr (kCluster == 1) {
        copy_box(to, params.x_map, column, token, at.full[at.index]);
      } else {
        // This block's part of them, for all.
        const int rank = cluster_rank();
        copy_box_to(to + rank * (Shared::kChunkBytes / kCluster), params.x_map, column,
                    token + rank * (kTokens / kCluster), at.full[at.index], (1 << kCluster) - 1);
      }
    }
    at.advance();
  }

  HEARTH_DEVICE void produce(const MatmulHopperParams& params) {
    // Weights are nobody's output: as many as there is room for are on their way before the last kernel has ended.
    const int early = first_stage + Shared::kStages < after_stage ? first_stage + Shared::kStages : after_stage;
    HopperRing of_weights = ring, of_activations = ring;
    for (int stage = first_stage; stage < early; ++stage) produce_weights(params, of_weights, stage);
    wait_for_inputs();
    for (int stage = first_stage; stage < after_stage; ++stage) {
      if (stage >= early) produce_weights(params, of_weights, stage);
      produce_activations(params, of_activations, stage);
    }
  }

  // A warpgroup has read the stage: a warp of it for each block of the cluster says so there.
  HEARTH_DEVICE static void release(Barrier& empty) {
    const int rank = wave_index() % 4;
    if (lane_index() != 0 || rank >= kCluster) return;
    if constexpr (kCluster == 1) {
      empty.arrive();
    } else {
      empty.arrive_at(rank);
    }
  }

  HEARTH_DEVICE void multiply_stage(float (&sums)[kValues], const CodeTable& table);
  HEARTH_DEVICE void consume(const MatmulGpuParams& p);
};

// Calls visit(value's index, token, row) for the sums of a thread that exist.
template <int kTokens, class Place, class Visit>
HEARTH_DEVICE void for_each_sum(const MatmulGpuParams& p, const Place& place, int first_row, const Visit& visit) {
  const int lane = opaque(lane_index());  // else the addresses of all values are kept in registers from the start
  HEARTH_UNROLL
  for (int half = 0; half < 2; ++half) {
    const int n = first_row + Mma::c_row(lane, 2 * half);
    if (n >= p.n) continue;
    HEARTH_UNROLL
    for (int i = 0; i < kTokens / 4; ++i) {
      const int token = place.first_token() + i / 2 * 8 + Mma::c_column(lane, i % 2);
      if (token < place.after_token(p)) visit(i / 2 * 4 + half * 2 + i % 2, token, n);
    }
  }
}

template <class Layout, int kTokens, class Place>
HEARTH_DEVICE void HopperBlock<Layout, kTokens, Place>::multiply_stage(float (&sums)[kValues], const CodeTable& table) {
  using Fragment = TileFragment<Layout, FromShared, true>;
  constexpr int kStepsPerChunk = kHopperChunk / 16, kSteps = Shared::kChunks * kStepsPerChunk;
  ring.wait_full();
  Fragment fragments[Shared::kTiles];
  HEARTH_UNROLL
  for (int tile = 0; tile < Shared::kTiles; ++tile) {
    fragments[tile].load(weights(ring.index) + wave_index() * Shared::kRowBytes + tile * Layout::kTileBytes,
                         lane_index());
  }
  typename Fragment::GroupScales group;
  Mma::A a[2];  // one is multiplied while the other is decoded
  HEARTH_UNROLL
  for (int at = 0; at < kSteps; ++at) {
    const std::uint64_t matrix = swizzled_matrix(activations(ring.index) + at / kStepsPerChunk * Shared::kChunkBytes);
    a[at % 2] = fragments[at / Layout::kSteps].decode(at % Layout::kSteps, table, group);
    warpgroup_fence();
    warpgroup_multiply(sums, a[at % 2], matrix + static_cast<std::uint64_t>(at % kStepsPerChunk * 2));
    warpgroup_commit();
    if (at + 1 < kSteps) warpgroup_wait<1>();  // the fragments before these are free
  }
  // Nothing is under way while memory is accessed: tools that instrument such instructions (compute-sanitizer) take the
  // registers of a product for free.
  warpgroup_wait<0>();
  release(ring.empty[ring.index]);
  ring.advance();
}

template <class Layout, int kTokens, class Place>
HEARTH_DEVICE void HopperBlock<Layout, kTokens, Place>::consume(const MatmulGpuParams& p) {
  const CodeTable table = code_table<Layout>(p.table);
  const int first_row = place.row_block() * kHopperRows + wave_index() * kTileRows;
  float totals[kValues];
  HEARTH_UNROLL
  for (int i = 0; i < kValues; ++i) totals[i] = 0.0f;
  for (int first = first_stage; first < after_stage; first += kStagesPerSegment) {
    const int after = first + kStagesPerSegment < after_stage ? first + kStagesPerSegment : after_stage;
    float sums[kValues];
    HEARTH_UNROLL
    for (int i = 0; i < kValues; ++i) sums[i] = 0.0f;
    for (int stage = first; stage < after; ++stage) multiply_stage(sums, table);
    warpgroup_done(sums);
    HEARTH_UNROLL
    for (int i = 0; i < kValues; ++i) sums[i] *= kSumFactor<Layout>;
    if (p.partial != nullptr) {
      float* partial = p.partial + static_cast<std::int64_t>(first / kStagesPerSegment) * p.token_count * p.n;
      for_each_sum<kTokens>(p, place, first_row, [&](int i, int token, int n) {
        partial[static_cast<std::int64_t>(token) * p.n + n] = sums[i];
      });
    } else {
      HEARTH_UNROLL
      for (int i = 0; i < kValues; ++i) totals[i] += sums[i];
    }
  }
  if (p.partial != nullptr) return;
  for_each_sum<kTokens>(p, place, first_row, [&](int i, int token, int n) {
    p.y[place.y_row(token) * p.y_stride + n] =
        place.scale(p) * totals[i] + (p.bias == nullptr ? 0.0f : place.bias_of(p.bias)[n]);
  });
}

template <class Layout, int kTokens, class Place>
HEARTH_DEVICE void matmul_hopper(const MatmulHopperParams& params, const Place& place) {
  using Block = HopperBlock<Layout, kTokens, Place>;
  std::byte* memory = dynamic_shared();
  constexpr int kAlignment = Block::Shared::kAlignment;
  Block block(place, memory + (kAlignment - shared_address(memory) % kAlignment) % kAlignment, params);
  if (thread_index() == 0) {
    block.ring.init(kConsumers * Block::kCluster);
    fence_barrier_init();
  }
  const auto sync = [] { Block::kCluster == 1 ? block_sync() : cluster_sync(); };
  sync();
  if (wave_index() / 4 == kConsumers) {
    give_registers<24>();
    if (thread_index() == kConsumers * 128) block.produce(params);
  } else {
    take_registers<hopper_blocks(kTokens) == 2 ? 104 : 240>();
    // y may still be read, or partial sums, by the kernels before.
    wait_for_inputs();
    block.consume(params.matmul);
  }
  // Others may still copy to this block's memory, or arrive at its barriers.
  if constexpr (Block::kCluster > 1) sync();
}

template <class Layout, int kTokens>
HEARTH_DEVICE void expert_matmul_hopper(const ExpertHopperParams& params) {
  static_assert(hopper_cluster(kTokens) == 1);
  wait_for_inputs();  // which weights are read is the router's output
  const ExpertTile tile = expert_tile<kTokens>(params.tiles, block_y());
  if (tile.slot_count == 0) return;
  const int n = params.matmul.n;
  matmul_hopper<Layout, kTokens>(params, ExpertHopperBlock(params.tiles, tile, (n + kTileRows - 1) / kTileRows, n));
}

}  // namespace

#define HEARTH_HOPPER(layout, Layout, tokens)                                                     \
  HEARTH_KERNEL_CLUSTER(matmul_hopper_##layout##_##tokens, kHopperThreads, hopper_blocks(tokens), \
                        hopper_cluster(tokens), MatmulHopperParams) {                             \
    matmul_hopper<Layout, tokens>(p, DenseBlock<tokens>{});                                       \
  }
#define HEARTH_EXPERT_HOPPER(layout, Layout, tokens)                                              \
  HEARTH_KERNEL_CLUSTER(expert_hopper_##layout##_##tokens, kHopperThreads, hopper_blocks(tokens), \
                        hopper_cluster(tokens), ExpertHopperParams) {                             \
    expert_matmul_hopper<Layout, tokens>(p);                                                      \
  }
#define HEARTH_HOPPER_TOKENS(layout, Layout) \
  HEARTH_EXPERT_HOPPER(layout, Layout, 16)   \
  HEARTH_EXPERT_HOPPER(layout, Layout, 64)   \
  HEARTH_HOPPER(layout, Layout, 16)          \
  HEARTH_HOPPER(layout, Layout, 64)          \
  HEARTH_HOPPER(layout, Layout, 128)         \
  HEARTH_HOPPER(layout, Layout, 192)

HEARTH_HOPPER_TOKENS(w2, LayoutW2)
HEARTH_HOPPER_TOKENS(w2_min, LayoutW2Min)
HEARTH_HOPPER_TOKENS(w3, LayoutW3)
HEARTH_HOPPER_TOKENS(w3_table, LayoutW3Table)
HEARTH_HOPPER_TOKENS(w4, LayoutW4)
HEARTH_HOPPER_TOKENS(w4_min, LayoutW4Min)
HEARTH_HOPPER_TOKENS(w4_table, LayoutW4Table)
HEARTH_HOPPER_TOKENS(w4_tfine, LayoutW4TableFine)
HEARTH_HOPPER_TOKENS(w6, LayoutW6)
HEARTH_HOPPER_TOKENS(w6_min, LayoutW6Min)
HEARTH_HOPPER_TOKENS(w8, LayoutW8)
HEARTH_HOPPER_TOKENS(w8_float, LayoutW8Float)
HEARTH_HOPPER_TOKENS(w16, LayoutW16)

}  // namespace hearth::gpu
