// x = min(max(x, -limit), limit): a thread for every element.
#include "kernels/clamp/clamp_gpu.h"

#include "device/gpu/gpu.h"

namespace hearth::gpu {

HEARTH_KERNEL(clamp, kClampThreads, ClampArgs) {
  const std::int64_t i = static_cast<std::int64_t>(block_x()) * kClampThreads + thread_index();
  if (i >= p.element_count) return;
  const float x = p.x[i], below = x > p.limit ? p.limit : x;
  p.x[i] = below < -p.limit ? -p.limit : below;
}

}  // namespace hearth::gpu
