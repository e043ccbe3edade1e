// The matrix probe through wgmma, which alone reaches what Hopper's matrix units can do.
#include "device/gpu/gpu_hopper.h"
#include "kernels/probe/probe_gpu.h"

namespace hearth::gpu {

namespace {

struct ProbeShared {
  alignas(1024) std::uint32_t columns[256 * 32];  // 256 columns of 64 bf16
};

}  // namespace

HEARTH_KERNEL_BLOCKS(probe_matrix_hopper, kProbeHopperThreads, 1, MatrixProbeParams) {
  HEARTH_SHARED(ProbeShared, shared);
  for (int i = thread_index(); i < 256 * 32; i += kProbeHopperThreads) {
    shared.columns[i] = (static_cast<std::uint32_t>(i) * 0x9e3779b9u & 0x007f007fu) | 0x3f003f00u;
  }
  asm volatile("fence.proxy.async;" ::: "memory");
  block_sync();
  Mma::A a;
  HEARTH_UNROLL
  for (int r = 0; r < 2; ++r) {
    HEARTH_UNROLL
    for (int w = 0; w < 2; ++w) {
      a.quad[r][0].word[w] =
          (static_cast<std::uint32_t>(thread_index() * 4 + 2 * r + w) * 0x85ebca6bu & 0x807f807fu) | 0x3f003f00u;
    }
  }
  const std::uint64_t matrix = swizzled_matrix(shared.columns);
  float sums[128];
  HEARTH_UNROLL
  for (int i = 0; i < 128; ++i) sums[i] = 0.0f;
  for (int step = 0; step < p.steps; ++step) {
    warpgroup_fence();
    HEARTH_UNROLL
    for (int i = 0; i < kMatrixProbeProducts; ++i) {
      warpgroup_multiply(sums, a, matrix + static_cast<std::uint64_t>(2 * (i % 4)));
    }
    warpgroup_commit();
    warpgroup_wait<0>();
  }
  float total = 0.0f;
  HEARTH_UNROLL
  for (int i = 0; i < 128; ++i) total += sums[i];
  if (total == 0.1234f) *p.out = total;
}

}  // namespace hearth::gpu
