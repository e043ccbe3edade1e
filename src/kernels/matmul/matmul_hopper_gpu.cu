// Matrix product for many tokens on Hopper: the portable tile kernel's sums, to the bit, at the speed of wgmma. One
// thread has the copy engine bring packed weights and activations, rings of stages ahead; two warpgroups decode
// weights into registers and multiply them with the activations in shared memory. Where rows are too few to fill the
// GPU, blocks share k: each leaves the sums of its segments in memory, and matmul_sum adds them in order.
#include "device/gpu/gpu_hopper.h"
#include "kernels/matmul/fragment_gpu.h"
#include "kernels/matmul/matmul_gpu.h"

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

template <class Layout, int kTokens>
struct HopperBlock {
  using Shared = HopperShared<Layout, kTokens>;
  static constexpr int kRowTiles = kHopperRows / kTileRows;
  static constexpr int kStagesPerSegment = kGpuMatmulSegment / Shared::kWeightColumns;
  static constexpr int kValues = kTokens / 2;  // sums of a thread
  static constexpr int kCluster = hopper_cluster(kTokens);

  std::byte* shared;
  HopperRing activations, weights;
  int first_stage, after_stage;  // of weights, this block's

  HEARTH_DEVICE HopperBlock(std::byte* memory, const MatmulHopperParams& params)
      : shared(memory),
        activations(memory + Shared::kBarriersAt, Shared::kActivationStages),
        weights(memory + Shared::kBarriersAt + 16 * Shared::kActivationStages, Shared::kWeightStages) {
    const int stages = params.matmul.k / Shared::kWeightColumns, here = params.matmul.segments_per_block * kStagesPerSegment;
    first_stage = block_z() * here;
    after_stage = first_stage + here < stages ? first_stage + here : stages;
  }

  HEARTH_DEVICE std::byte* activation_stage() const { return shared + activations.index * Shared::kActivationBytes; }
  HEARTH_DEVICE std::byte* weight_stage() const {
    return shared + Shared::kWeightsAt + weights.index * Shared::kWeightBytes;
  }

  // One copy brings the stage of all the block's rows: a thread that issues one for each is what bounds the kernel.
  HEARTH_DEVICE void produce_weights(const MatmulHopperParams& params, int stage) {
    weights.wait_empty();
    Barrier& full = weights.full[weights.index];
    full.arrive_expecting(Shared::kWeightBytes);
    copy_box(weight_stage(), params.weight_map, stage * (Shared::kRowBytes / 8), block_y() * kRowTiles, full);
    weights.advance();
  }

  HEARTH_DEVICE void produce_activations(const MatmulHopperParams& params, int stage) {
    for (int part = 0; part < Shared::kChunks; ++part) {
      activations.wait_empty();
      activations.full[activations.index].arrive_expecting(Shared::kActivationBytes);
      Barrier& full = activations.full[activations.index];
      const int column = (stage * Shared::kChunks + part) * kHopperChunk;
      if constexpr (kCluster == 1) {
        copy_box(activation_stage(), params.x_map, column, block_x() * kTokens, full);
      } else {
        // This block's part of them, for all.
        const int rank = cluster_rank(), token = block_x() * kTokens + rank * (kTokens / kCluster);
        copy_box_to(activation_stage() + rank * (Shared::kActivationBytes / kCluster), params.x_map, column, token, full,
                    (1 << kCluster) - 1);
      }
      activations.advance();
    }
  }

  HEARTH_DEVICE void produce(const MatmulHopperParams& params) {
    // Weights are nobody's output: as many as there is room for are on their way before the last kernel has ended.
    const int early =
        first_stage + Shared::kWeightStages < after_stage ? first_stage + Shared::kWeightStages : after_stage;
    for (int stage = first_stage; stage < early; ++stage) produce_weights(params, stage);
    wait_for_inputs();
    for (int stage = first_stage; stage < after_stage; ++stage) {
      if (stage >= early) produce_weights(params, stage);
      produce_activations(params, stage);
    }
  }

  // A warpgroup has read the activations of a stage: a warp of it for each block of the cluster says so there.
  HEARTH_DEVICE static void release(Barrier& empty) {
    const int rank = wave_index() % 4;
    if (lane_index() != 0 || rank >= kCluster) return;
    if constexpr (kCluster == 1) {
      empty.arrive();
    } else {
      empty.arrive_at(rank);
    }
  }

  HEARTH_DEVICE void consume(const MatmulGpuParams& p);
};

// Calls visit(value's index, token, row) for the sums of a thread that exist.
template <int kTokens, class Visit>
HEARTH_DEVICE void for_each_sum(const MatmulGpuParams& p, int first_row, const Visit& visit) {
  const int lane = opaque(lane_index());  // else the addresses of all values are kept in registers from the start
  HEARTH_UNROLL
  for (int half = 0; half < 2; ++half) {
    const int n = first_row + Mma::c_row(lane, 2 * half);
    if (n >= p.n) continue;
    HEARTH_UNROLL
    for (int i = 0; i < kTokens / 4; ++i) {
      const int token = block_x() * kTokens + i / 2 * 8 + Mma::c_column(lane, i % 2);
      if (token < p.token_count) visit(i / 2 * 4 + half * 2 + i % 2, token, n);
    }
  }
}

template <class Layout, int kTokens>
HEARTH_DEVICE void HopperBlock<Layout, kTokens>::consume(const MatmulGpuParams& p) {
  using Fragment = TileFragment<Layout, FromShared>;
  constexpr int kStepsPerChunk = kHopperChunk / 16, kStepsPerStage = Shared::kChunks * kStepsPerChunk;
  const CodeTable table{{p.table[0], p.table[1], p.table[2], p.table[3]}};
  const int lane = lane_index(), row_tile = wave_index();  // of the block
  const int first_row = block_y() * kHopperRows + row_tile * kTileRows;

  float totals[kValues];
  HEARTH_UNROLL
  for (int i = 0; i < kValues; ++i) totals[i] = 0.0f;
  for (int first = first_stage; first < after_stage; first += kStagesPerSegment) {
    const int after = first + kStagesPerSegment < after_stage ? first + kStagesPerSegment : after_stage;
    float sums[kValues];
    HEARTH_UNROLL
    for (int i = 0; i < kValues; ++i) sums[i] = 0.0f;
    Mma::A a[2];                // one is multiplied while the other is decoded
    Barrier* read = nullptr;  // of the activations that are multiplied, once those after them are
    for (int stage = first; stage < after; ++stage) {
      weights.wait_full();
      Fragment fragments[Shared::kTiles];
      HEARTH_UNROLL
      for (int tile = 0; tile < Shared::kTiles; ++tile) {
        fragments[tile].load(weight_stage() + (row_tile * Shared::kTiles + tile) * Layout::kTileBytes, lane);
      }
      weights.empty[weights.index].arrive();
      weights.advance();
      typename Fragment::GroupScales group;
      std::uint64_t matrix = 0;
      HEARTH_UNROLL
      for (int at = 0; at < kStepsPerStage; ++at) {
        const int step = at % kStepsPerChunk;
        a[at % 2] = fragments[at / Layout::kSteps].decode(at % Layout::kSteps, table, group);
        if (step == 0) {
          activations.wait_full();
          matrix = swizzled_matrix(activation_stage());
        }
        warpgroup_fence();
        warpgroup_multiply(sums, a[at % 2], matrix + static_cast<std::uint64_t>(2 * step));
        warpgroup_commit();
        warpgroup_wait<1>();  // the fragments before these are free, and so are the activations
        if (step == 0 && read != nullptr) release(*read);
        if (step == kStepsPerChunk - 1) {
          read = &activations.empty[activations.index];
          activations.advance();
        }
      }
    }
    warpgroup_wait<0>();
    warpgroup_done(sums);
    HEARTH_UNROLL
    for (int i = 0; i < kValues; ++i) sums[i] *= kSumFactor<Layout>;
    if (read != nullptr) release(*read);
    if (p.partial != nullptr) {
      float* partial = p.partial + static_cast<std::int64_t>(first / kStagesPerSegment) * p.token_count * p.n;
      for_each_sum<kTokens>(p, first_row, [&](int i, int token, int n) {
        partial[static_cast<std::int64_t>(token) * p.n + n] = sums[i];
      });
    } else {
      HEARTH_UNROLL
      for (int i = 0; i < kValues; ++i) totals[i] += sums[i];
    }
  }
  if (p.partial != nullptr) return;
  for_each_sum<kTokens>(p, first_row, [&](int i, int token, int n) {
    p.y[token * p.y_stride + n] = p.scale * totals[i] + (p.bias == nullptr ? 0.0f : p.bias[n]);
  });
}

template <class Layout, int kTokens>
HEARTH_DEVICE void matmul_hopper(const MatmulHopperParams& params) {
  using Block = HopperBlock<Layout, kTokens>;
  std::byte* memory = dynamic_shared();
  constexpr int kAlignment = Block::Shared::kAlignment;
  Block block(memory + (kAlignment - shared_address(memory) % kAlignment) % kAlignment, params);
  if (thread_index() == 0) {
    block.activations.init(kConsumers * Block::kCluster);
    block.weights.init(kConsumers * 128);
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

}  // namespace

#define HEARTH_HOPPER(layout, Layout, tokens)                                                     \
  HEARTH_KERNEL_CLUSTER(matmul_hopper_##layout##_##tokens, kHopperThreads, hopper_blocks(tokens), \
                        hopper_cluster(tokens), MatmulHopperParams) {                             \
    matmul_hopper<Layout, tokens>(p);                                                             \
  }
#define HEARTH_HOPPER_TOKENS(layout, Layout) \
  HEARTH_HOPPER(layout, Layout, 16)          \
  HEARTH_HOPPER(layout, Layout, 64)          \
  HEARTH_HOPPER(layout, Layout, 128)         \
  HEARTH_HOPPER(layout, Layout, 192)

HEARTH_HOPPER_TOKENS(w4, LayoutW4)
HEARTH_HOPPER_TOKENS(w4_min, LayoutW4Min)
HEARTH_HOPPER_TOKENS(w4_fine, LayoutW4Fine)
HEARTH_HOPPER_TOKENS(w4_table, LayoutW4Table)
HEARTH_HOPPER_TOKENS(w6, LayoutW6)
HEARTH_HOPPER_TOKENS(w6_min, LayoutW6Min)
HEARTH_HOPPER_TOKENS(w8, LayoutW8)
HEARTH_HOPPER_TOKENS(w16, LayoutW16)

}  // namespace hearth::gpu
