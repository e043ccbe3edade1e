// Launches rotary position embedding on a GPU.
#include "kernels/rope/rope_gpu.h"

#include "kernels/gpu/gpu_launch.h"
#include "kernels/gpu/gpu_ops.h"

namespace hearth::gpu_ops {
namespace {

// By kernels of their own.
void normalize(Stream& stream, const RopeArgs& args) {
  const auto heads = [&](float* x, std::int64_t count, const float* weight) {
    if (count == 0) return;
    rms_norm(stream, {x, args.token_count, args.row_stride, count, args.head_dim, weight, args.norms.epsilon, x,
                      args.row_stride});
  };
  heads(args.x, args.q_head_count, args.norms.q_weight);
  heads(args.x + args.q_head_count * args.head_dim, args.kv_head_count, args.norms.k_weight);
}

}  // namespace

void rope(Stream& stream, const RopeArgs& args) {
  const PagedKv& cache = args.cache;
  std::int64_t tiles = 0;
  if (cache.k != nullptr) {
    CHECK(cache.format == Format::kF32 || cache.format == Format::kBf16);
    CHECK(cache.kv_heads == args.kv_head_count && cache.head_dim == args.head_dim);
    CHECK(args.step.token_count == args.token_count);
    tiles = value_tiles(cache, args.token_count);
  }
  if (args.norms.q_weight != nullptr && args.head_dim <= kRopeNormWidth) {
    const std::int64_t blocks = ceil_divide(rope_row_heads(args), kRopeNormHeads);
    return launch(stream, GpuKernel::rope_norm, {args.token_count * blocks + tiles}, kKvWriteThreads, args);
  }
  if (args.norms.q_weight != nullptr) normalize(stream, args);
  const std::int64_t blocks = row_blocks(rope_row_heads(args) * args.head_dim);
  launch(stream, GpuKernel::rope, {args.token_count * blocks + tiles}, kKvWriteThreads, args);
}

}  // namespace hearth::gpu_ops
