// The probes: loads, and matrix products, with nothing else to wait for. What they compute is kept by a condition that
// the compiler cannot decide.
#include "kernels/probe/probe_gpu.h"

#include "device/gpu/gpu.h"

namespace hearth::gpu {

HEARTH_KERNEL(probe_read, kProbeThreads, ReadProbeParams) {
  constexpr int kLoads = 8;
  constexpr std::int64_t kBlockBytes = std::int64_t{kProbeThreads} * kLoads * 16;
  std::uint32_t mixed = 0;
  for (std::int64_t at = block_x() * kBlockBytes; at < p.bytes; at += grid_x() * kBlockBytes) {
    Bytes16 loaded[kLoads];
    HEARTH_UNROLL
    for (int i = 0; i < kLoads; ++i) {
      const std::int64_t from = at + (i * kProbeThreads + thread_index()) * 16;
      loaded[i] = from < p.bytes ? load_streaming(reinterpret_cast<const Bytes16*>(p.data + from)) : Bytes16{};
    }
    HEARTH_UNROLL
    for (int i = 0; i < kLoads; ++i) {
      HEARTH_UNROLL
      for (int w = 0; w < 4; ++w) mixed ^= loaded[i].word[w];
    }
  }
  if (mixed == 0x9e3779b9u) *p.out = mixed;
}

HEARTH_KERNEL(probe_matrix, kProbeThreads, MatrixProbeParams) {
  Mma::C sums[kMatrixProbeProducts];
  Mma::A a;
  Mma::B b;
  const auto word = static_cast<std::uint32_t>(thread_index()) * 0x9e3779b9u;
  HEARTH_UNROLL
  for (int r = 0; r < Mma::kRowsPerLane; ++r) {
    HEARTH_UNROLL
    for (int j = 0; j < Mma::kQuadsPerLane; ++j) {
      HEARTH_UNROLL
      for (int w = 0; w < 2; ++w) {
        a.quad[r][j].word[w] = (word + static_cast<std::uint32_t>(r + j + w)) & 0x3f803f80u;
        b.quad[j].word[w] = (word - static_cast<std::uint32_t>(j + w)) & 0x3f803f80u;
      }
    }
  }
  HEARTH_UNROLL
  for (int i = 0; i < kMatrixProbeProducts; ++i) sums[i] = Mma::C{};
  for (int step = 0; step < p.steps; ++step) {
    HEARTH_UNROLL
    for (int i = 0; i < kMatrixProbeProducts; ++i) Mma::multiply(sums[i], a, b);
  }
  float total = 0.0f;
  HEARTH_UNROLL
  for (int i = 0; i < kMatrixProbeProducts; ++i) total += sums[i].value[0];
  if (total == 0.1234f) *p.out = total;
}

}  // namespace hearth::gpu
