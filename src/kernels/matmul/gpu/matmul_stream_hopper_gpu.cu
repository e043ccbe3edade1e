// Matrix product for a single token on Hopper: the portable stream kernel's work and sums, with the weights brought by
// the copy engine to a ring in shared memory for each wave; a barrier tells of each stage. Loads to registers share a
// scoreboard, so that waiting for the oldest is waiting for the last.
#include "device/gpu/gpu_hopper.h"
#include "kernels/matmul/gpu/stream_gpu.h"

namespace hearth::gpu {
namespace {

// A wave's place in the stages that it is to read, all tasks in a row.
template <class Layout>
struct StageCursor {
  static constexpr int kTiles = StreamHopperShared<Layout>::kTiles;
  StreamTurns<Layout> turn;
  const std::byte* from = nullptr;
  int tiles_left = 0;  // of the task

  HEARTH_DEVICE explicit StageCursor(const MatmulGpuParams& p) : turn(p) { start_task(); }
  HEARTH_DEVICE bool exists() const { return tiles_left > 0; }
  HEARTH_DEVICE int bytes() const { return (tiles_left < kTiles ? tiles_left : kTiles) * Layout::kTileBytes; }
  HEARTH_DEVICE void advance() {
    from += kTiles * Layout::kTileBytes;
    tiles_left -= kTiles;
    if (tiles_left > 0) return;
    turn.advance();
    start_task();
  }

 private:
  // The next one that is not empty.
  HEARTH_DEVICE void start_task() {
    for (; turn.exists(); turn.advance()) {
      const StreamTask task = turn.task_of(wave_index());
      from = task.from;
      tiles_left = task.tile_count;
      if (tiles_left > 0) return;
    }
  }
};

template <class Layout>
struct HopperStream {
  using Shared = StreamHopperShared<Layout>;
  using Fragment = TileFragment<Layout, FromShared>;
  static constexpr int kTiles = Shared::kTiles;

  std::byte* ring;  // the wave's
  Barrier* full;
  const Bytes16* x;
  StageCursor<Layout> ahead;
  int index = 0, parity = 0;
  int ahead_index = 0;
  Mma::C sums;

  HEARTH_DEVICE HopperStream(const MatmulGpuParams& p, std::byte* shared)
      : ring(shared + Shared::kRingAt + wave_index() * Shared::kDepth * Shared::kStageBytes),
        full(reinterpret_cast<Barrier*>(shared + Shared::kBarriersAt) + wave_index() * Shared::kDepth),
        x(reinterpret_cast<const Bytes16*>(shared + Shared::kActivationsAt)),
        ahead(p) {}

  // Has the copy engine bring one more stage.
  HEARTH_DEVICE void ask() {
    if (!ahead.exists()) return;
    if (lane_index() == 0) {
      full[ahead_index].arrive_expecting(ahead.bytes());
      copy_bulk(ring + ahead_index * Shared::kStageBytes, ahead.from, ahead.bytes(), full[ahead_index]);
    }
    if (++ahead_index == Shared::kDepth) ahead_index = 0;
    ahead.advance();
  }

  HEARTH_DEVICE void multiply(const Fragment& weights, int k, const CodeTable& table) {
    Bytes16 pair{};
    typename Fragment::GroupScales group;
    HEARTH_UNROLL
    for (int step = 0; step < Layout::kSteps; ++step) {
      if (step % 2 == 0) pair = x[(k / 32 + step / 2) * 4 + Mma::quad(lane_index(), 0)];
      Mma::B b;
      b.quad[0] = {{pair.word[step % 2 * 2], pair.word[step % 2 * 2 + 1]}};
      Mma::multiply(sums, weights.decode(step, table, group), b);
    }
  }

  // The sums over a task.
  HEARTH_DEVICE void run(const StreamTask& task, const CodeTable& table) {
    sums = Mma::C{};
    for (int tile = 0; tile < task.tile_count; tile += kTiles) {
      full[index].wait(parity);
      HEARTH_UNROLL
      for (int t = 0; t < kTiles; ++t) {
        if (kTiles > 1 && tile + t >= task.tile_count) break;
        Fragment weights;
        weights.load(ring + index * Shared::kStageBytes + t * Layout::kTileBytes, lane_index());
        multiply(weights, (task.first_tile + tile + t) * Layout::kTileK, table);
      }
      if (++index == Shared::kDepth) {
        index = 0;
        parity ^= 1;
      }
      wave_sync();  // all lanes have read the stage
      ask();
    }
  }
};

template <class Layout>
HEARTH_DEVICE void matmul_stream_hopper(const MatmulGpuParams& p) {
  using Shared = StreamHopperShared<Layout>;
  std::byte* memory = dynamic_shared();
  auto& sums = *reinterpret_cast<StreamSums<1>*>(memory + Shared::kSumsAt);
  static_assert(sizeof sums <= Shared::kSumsBytes);
  HopperStream<Layout> wave(p, memory);
  if (lane_index() == 0) {
    for (int i = 0; i < Shared::kDepth; ++i) wave.full[i].init(1);
    fence_barrier_init();
  }
  wave_sync();
  for (int i = 0; i < Shared::kDepth; ++i) wave.ask();
  // Weights are nobody's output; activations are the last kernel's.
  wait_for_inputs();
  share_activations(p, reinterpret_cast<std::uint16_t*>(memory + Shared::kActivationsAt));
  block_sync();

  const CodeTable table = code_table<Layout>(p.table);
  StreamTurns<Layout> turn(p);
  for (int partial = 0; turn.exists(); partial ^= 1) {
    wave.run(turn.task_of(wave_index()), table);
    HEARTH_UNROLL
    for (int e = 0; e < Mma::kValues; ++e) {
      if (Mma::c_column(lane_index(), e) == 0) {
        sums.partial[partial][wave_index()][0][Mma::c_row(lane_index(), e)] = wave.sums.value[e] * kSumFactor<Layout>;
      }
    }
    block_sync();
    add_turn(p, turn, partial, sums);
    turn.advance();
  }
}

}  // namespace

#define HEARTH_STREAM_HOPPER(layout, Layout)                                                                 \
  HEARTH_KERNEL_EARLY(matmul_stream_hopper_##layout, kMatmulThreads, kStreamHopperBlocks, MatmulGpuParams) { \
    matmul_stream_hopper<Layout>(p);                                                                         \
  }

HEARTH_STREAM_HOPPER(w2, LayoutW2)
HEARTH_STREAM_HOPPER(w2_min, LayoutW2Min)
HEARTH_STREAM_HOPPER(w3, LayoutW3)
HEARTH_STREAM_HOPPER(w3_table, LayoutW3Table)
HEARTH_STREAM_HOPPER(w4, LayoutW4)
HEARTH_STREAM_HOPPER(w4_min, LayoutW4Min)
HEARTH_STREAM_HOPPER(w4_table, LayoutW4Table)
HEARTH_STREAM_HOPPER(w4_tfine, LayoutW4TableFine)
HEARTH_STREAM_HOPPER(w6, LayoutW6)
HEARTH_STREAM_HOPPER(w6_min, LayoutW6Min)
HEARTH_STREAM_HOPPER(w8, LayoutW8)
HEARTH_STREAM_HOPPER(w8_float, LayoutW8Float)
HEARTH_STREAM_HOPPER(w16, LayoutW16)

}  // namespace hearth::gpu
