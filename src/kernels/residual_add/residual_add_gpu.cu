// x = (x + delta) * scale: a thread for every element.
#include "kernels/residual_add/residual_add_gpu.h"

#include "device/gpu/gpu.h"

namespace hearth::gpu {

HEARTH_KERNEL(residual_add, kResidualAddThreads, ResidualAddParams) {
  const std::int64_t i = static_cast<std::int64_t>(block_x()) * kResidualAddThreads + thread_index();
  if (i < p.element_count) p.x[i] = (p.x[i] + p.delta[i]) * p.scale;
}

}  // namespace hearth::gpu
