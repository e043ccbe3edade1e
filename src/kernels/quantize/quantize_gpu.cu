// Activations to bf16: a thread for every four elements.
#include "kernels/quantize/quantize_gpu.h"

#include "device/gpu/gpu.h"
#include "kernels/gpu/gpu_rows.h"

namespace hearth::gpu {

HEARTH_KERNEL(round_bf16, kRoundBf16Threads, RoundBf16Params) {
  const std::int64_t i = 4 * (static_cast<std::int64_t>(block_x()) * kRoundBf16Threads + thread_index());
  const std::int64_t left = p.element_count - i;
  const int count = left < 4 ? static_cast<int>(left) : 4;
  const bool aligned = p.aligned && (count <= 0 || count == 4);
  store_converted(p.out, i, true, load_floats(p.x + i, count, aligned), count, aligned);
}

}  // namespace hearth::gpu
