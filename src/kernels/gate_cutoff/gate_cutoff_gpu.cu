// The gates' cutoff: a block for each row. A thread reads back only what it wrote itself.
#include "kernels/gate_cutoff/gate_cutoff_gpu.h"

#include "device/gpu/gpu.h"
#include "kernels/gpu/gpu_rows.h"

namespace hearth::gpu {
namespace {

struct CutoffShared {
  BlockPartials<kGateCutoffThreads> sum, squares;
};

}  // namespace

HEARTH_KERNEL(gate_cutoff, kGateCutoffThreads, GateCutoffParams) {
  HEARTH_SHARED(CutoffShared, shared);
  float* const x = p.x + block_x() * p.row_stride;
  const int begin = 4 * thread_index();
  constexpr int kStep = 4 * kGateCutoffThreads;
  const auto width = static_cast<float>(p.width);

  float sum = 0.0f;
  for (int i = begin; i < p.width; i += kStep) {
    const Floats4 v = load_floats(x + i, p.width - i, p.aligned);
    HEARTH_UNROLL
    for (int e = 0; e < 4; ++e) sum += v.value[e];
  }
  const float mean = block_sum(sum, shared.sum) / width;

  float squares = 0.0f;
  for (int i = begin; i < p.width; i += kStep) {
    const Floats4 v = load_floats(x + i, p.width - i, p.aligned);
    HEARTH_UNROLL
    for (int e = 0; e < 4; ++e) {
      const float difference = i + e < p.width ? v.value[e] - mean : 0.0f;
      squares = fma_exact(difference, difference, squares);
    }
  }
  const float count = p.cutoff.of_sample && p.width > 1 ? width - 1.0f : width;
  const float deviation = sqrt_exact(block_sum(squares, shared.squares) / count);
  const float least = fma_exact(p.cutoff.deviations, deviation, mean);

  for (int i = begin; i < p.width; i += kStep) {
    Floats4 v = load_floats(x + i, p.width - i, p.aligned);
    HEARTH_UNROLL
    for (int e = 0; e < 4; ++e) {
      const float above = v.value[e] - least;
      v.value[e] = above < 0.0f ? 0.0f : above;
    }
    store_floats(x + i, v, p.width - i, p.aligned);
  }
}

}  // namespace hearth::gpu
