// Matching magnitudes: a block for each row. A thread writes only what it read itself.
#include "kernels/match_magnitude/match_magnitude_gpu.h"

#include "device/gpu/gpu.h"
#include "kernels/gpu/gpu_rows.h"

namespace hearth::gpu {
namespace {

struct MagnitudeShared {
  BlockPartials<kMatchMagnitudeThreads> partials[2];
};

HEARTH_DEVICE float add_row_squares(float sum, const Floats4& v) {
  HEARTH_UNROLL
  for (int e = 0; e < 4; ++e) sum = fma_exact(v.value[e], v.value[e], sum);
  return sum;
}

}  // namespace

HEARTH_KERNEL(match_magnitude, kMatchMagnitudeThreads, MatchMagnitudeParams) {
  HEARTH_SHARED(MagnitudeShared, shared);
  const std::int64_t row = static_cast<std::int64_t>(block_x()) * p.width;
  float* const x = p.x + row;
  const float* const like = p.like + row;
  const int begin = 4 * thread_index();
  constexpr int kStep = 4 * kMatchMagnitudeThreads;
  SumPair sums{0.0f, 0.0f};
  for (int i = begin; i < p.width; i += kStep) {
    sums.first = add_row_squares(sums.first, load_floats(x + i, p.width - i, p.aligned));
    sums.second = add_row_squares(sums.second, load_floats(like + i, p.width - i, p.aligned));
  }
  sums = block_sums(sums, shared.partials);
  const float mean = sums.first / static_cast<float>(p.width), own = mean < p.least ? p.least : mean;
  if (own == 0.0f) return;
  const float factor = sqrt_exact(sums.second / static_cast<float>(p.width) / own);
  for (int i = begin; i < p.width; i += kStep) {
    Floats4 v = load_floats(x + i, p.width - i, p.aligned);
    HEARTH_UNROLL
    for (int e = 0; e < 4; ++e) v.value[e] *= factor;
    store_floats(x + i, v, p.width - i, p.aligned);
  }
}

}  // namespace hearth::gpu
