// Matrix product for many tokens on Hopper: the portable tile kernel's sums, to the bit, at the speed of wgmma. One
// thread has the copy engine bring packed weights and activations, rings of stages ahead; two warpgroups decode
// weights into registers and multiply them with the activations in shared memory. A segment's sums are added to what
// stands in y.
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

template <class Layout>
struct HopperBlock {
  using Shared = HopperShared<Layout>;
  static constexpr int kChunksPerWeights = Shared::kWeightColumns / kHopperChunk;
  static constexpr int kRowTiles = kHopperRows / kTileRows;

  std::byte* shared;
  HopperRing activations, weights;

  HEARTH_DEVICE explicit HopperBlock(std::byte* memory)
      : shared(memory),
        activations(memory + Shared::kBarriersAt, Shared::kActivationStages),
        weights(memory + Shared::kBarriersAt + 16 * Shared::kActivationStages, Shared::kWeightStages) {}

  HEARTH_DEVICE std::byte* activation_stage() const { return shared + activations.index * Shared::kActivationBytes; }
  HEARTH_DEVICE std::byte* weight_stage() const {
    return shared + Shared::kWeightsAt + weights.index * Shared::kWeightBytes;
  }

  HEARTH_DEVICE void produce_weights(const MatmulGpuParams& p, int stage) {
    const int tile_count = p.k / Layout::kTileK;
    const int first_row_tile = block_y() * kRowTiles, last_row_tile = (p.n - 1) / kTileRows;
    constexpr int kBytes = Shared::kTiles * Layout::kTileBytes;
    weights.wait_empty();
    weights.full[weights.index].arrive_expecting(kRowTiles * kBytes);
    for (int r = 0; r < kRowTiles; ++r) {
      const std::int64_t row_tile = first_row_tile + r < last_row_tile ? first_row_tile + r : last_row_tile;
      copy_bulk(weight_stage() + r * kBytes,
                p.weights + (row_tile * tile_count + stage * Shared::kTiles) * Layout::kTileBytes, kBytes,
                weights.full[weights.index]);
    }
    weights.advance();
  }

  HEARTH_DEVICE void produce(const MatmulHopperParams& params) {
    const MatmulGpuParams& p = params.matmul;
    for (int chunk = 0; chunk < p.k / kHopperChunk; ++chunk) {
      if (chunk % kChunksPerWeights == 0) produce_weights(p, chunk / kChunksPerWeights);
      activations.wait_empty();
      activations.full[activations.index].arrive_expecting(Shared::kActivationBytes);
      copy_box(activation_stage(), params.x_map, chunk * kHopperChunk, block_x() * kHopperTokens,
               activations.full[activations.index]);
      activations.advance();
    }
  }

  HEARTH_DEVICE void consume(const MatmulGpuParams& p);
};

// The token of a lane's value `i` of a row.
HEARTH_DEVICE std::int64_t flush_token(int i, int lane) {
  return block_x() * kHopperTokens + i / 2 * 8 + Mma::c_column(lane, i % 2);
}

// Adds a segment's sums to y, and after the last segment turns the total into the result.
HEARTH_DEVICE void flush(const MatmulGpuParams& p, float (&sums)[128], int first_row, bool first, bool last) {
  const int lane = opaque(lane_index());
  HEARTH_UNROLL
  for (int half = 0; half < 2; ++half) {
    const int n = first_row + Mma::c_row(lane, 2 * half);
    if (n >= p.n) continue;
    const float bias = last && p.bias != nullptr ? p.bias[n] : 0.0f;
    const float scale = last ? p.scale : 1.0f;
    // Read some, then write some: the compiler does not know that they do not overlap, and each would wait for the
    // last.
    constexpr int kAtOnce = 16;
    HEARTH_UNROLL
    for (int begin = 0; begin < 64; begin += kAtOnce) {
      float before[kAtOnce];
      HEARTH_UNROLL
      for (int i = 0; i < kAtOnce; ++i) {
        const std::int64_t token = flush_token(begin + i, lane);
        before[i] = first || token >= p.token_count ? 0.0f : p.y[token * p.y_stride + n];
      }
      HEARTH_UNROLL
      for (int i = 0; i < kAtOnce; ++i) {
        const std::int64_t token = flush_token(begin + i, lane);
        const float total = before[i] + sums[(begin + i) / 2 * 4 + half * 2 + i % 2];
        if (token < p.token_count) p.y[token * p.y_stride + n] = scale * total + bias;
      }
    }
  }
}

template <class Layout>
HEARTH_DEVICE void HopperBlock<Layout>::consume(const MatmulGpuParams& p) {
  using Fragment = TileFragment<Layout, FromShared>;
  constexpr int kStepsPerChunk = kHopperChunk / 16;
  constexpr int kStagesPerSegment = kGpuMatmulSegment / Shared::kWeightColumns;
  const CodeTable table{{p.table[0], p.table[1], p.table[2], p.table[3]}};
  const int lane = lane_index(), row_tile = wave_index();  // of the block
  const int weight_stages = p.k / Shared::kWeightColumns;

  for (int first = 0; first < weight_stages; first += kStagesPerSegment) {
    const int after = first + kStagesPerSegment < weight_stages ? first + kStagesPerSegment : weight_stages;
    float sums[128];
    HEARTH_UNROLL
    for (int i = 0; i < 128; ++i) sums[i] = 0.0f;
    Mma::A a[2];  // one is multiplied while the other is decoded
    for (int stage = first; stage < after; ++stage) {
      Fragment fragments[Shared::kTiles];
      weights.wait_full();
      HEARTH_UNROLL
      for (int tile = 0; tile < Shared::kTiles; ++tile) {
        fragments[tile].load(weight_stage() + (row_tile * Shared::kTiles + tile) * Layout::kTileBytes, lane);
      }
      weights.empty[weights.index].arrive();
      weights.advance();
      HEARTH_UNROLL
      for (int part = 0; part < kChunksPerWeights; ++part) {
        activations.wait_full();
        const std::uint64_t matrix = swizzled_matrix(activation_stage());
        HEARTH_UNROLL
        for (int step = 0; step < kStepsPerChunk; ++step) {
          const int at = part * kStepsPerChunk + step;  // k-step of the weights' stage
          a[step % 2] = fragments[at / Layout::kSteps].decode(at % Layout::kSteps, table);
          warpgroup_fence();
          warpgroup_multiply(sums, a[step % 2], matrix + static_cast<std::uint64_t>(2 * step));
          warpgroup_commit();
          warpgroup_wait<1>();  // the fragments before these are free
        }
        warpgroup_wait<0>();
        if (thread_index() % 128 == 0) activations.empty[activations.index].arrive();
        activations.advance();
      }
    }
    flush(p, sums, block_y() * kHopperRows + row_tile * kTileRows, first == 0, after == weight_stages);
  }
}

template <class Layout>
HEARTH_DEVICE void matmul_hopper(const MatmulHopperParams& params) {
  std::byte* shared = dynamic_shared();
  HopperBlock<Layout> block(shared + (1024 - shared_address(shared) % 1024) % 1024);
  if (thread_index() == 0) {
    block.activations.init(kConsumers);
    block.weights.init(kConsumers * 128);
    fence_barrier_init();
  }
  block_sync();
  if (wave_index() / 4 == kConsumers) {
    give_registers<24>();
    if (thread_index() == kConsumers * 128) block.produce(params);
  } else {
    take_registers<240>();
    block.consume(params.matmul);
  }
}

}  // namespace

#define HEARTH_HOPPER(layout, Layout)                                                   \
  HEARTH_KERNEL_BLOCKS(matmul_hopper_##layout, kHopperThreads, 1, MatmulHopperParams) { \
    matmul_hopper<Layout>(p);                                                           \
  }

HEARTH_HOPPER(w4, LayoutW4)
HEARTH_HOPPER(w4_min, LayoutW4Min)
HEARTH_HOPPER(w4_fine, LayoutW4Fine)
HEARTH_HOPPER(w4_table, LayoutW4Table)
HEARTH_HOPPER(w6, LayoutW6)
HEARTH_HOPPER(w6_min, LayoutW6Min)
HEARTH_HOPPER(w8, LayoutW8)
HEARTH_HOPPER(w16, LayoutW16)

}  // namespace hearth::gpu
