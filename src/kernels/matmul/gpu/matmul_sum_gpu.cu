// The last step of a matrix product whose blocks shared k: the segments' sums, added in order.
#include "device/gpu/gpu.h"
#include "kernels/matmul/gpu/matmul_gpu.h"

namespace hearth::gpu {

HEARTH_KERNEL(matmul_sum, kMatmulSumThreads, MatmulSumParams) {
  const int n = block_x() * kMatmulSumThreads + thread_index();
  if (n >= p.n) return;
  const std::int64_t token = block_y();
  const float* from = p.partial + token * p.n + n;
  float total = 0.0f;
  for (int segment = 0; segment < p.segments; ++segment) total += from[segment * p.segment_stride];
  p.y[token * p.y_stride + n] = p.scale * total + (p.bias == nullptr ? 0.0f : p.bias[n]);
}

}  // namespace hearth::gpu
