// Launches the matching of magnitudes on a GPU.
#include "kernels/match_magnitude/match_magnitude_gpu.h"

#include <limits>

#include "kernels/gpu/gpu_launch.h"
#include "kernels/gpu/gpu_ops.h"
#include "kernels/gpu/vector_access.h"

namespace hearth::gpu_ops {

void match_magnitude(Stream& stream, const MatchMagnitudeArgs& args) {
  CHECK(args.width <= std::numeric_limits<std::int32_t>::max() / 2);
  const MatchMagnitudeParams params{
      .x = args.x,
      .like = args.like,
      .width = static_cast<std::int32_t>(args.width),
      .least = args.least,
      .aligned = takes_vectors(args.x, args.width) && takes_vectors(args.like, args.width)};
  launch(stream, GpuKernel::match_magnitude, {args.row_count}, kMatchMagnitudeThreads, params);
}

}  // namespace hearth::gpu_ops
