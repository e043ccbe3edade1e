// Launches rotary position embedding on a GPU.
#include "kernels/rope/rope_gpu.h"

#include "kernels/gpu/gpu_launch.h"
#include "kernels/gpu/gpu_ops.h"

namespace hearth::gpu_ops {

void rope(Stream& stream, const RopeArgs& args) {
  const PagedKv& cache = args.cache;
  std::int64_t tiles = 0;
  if (cache.k != nullptr) {
    CHECK(cache.format == Format::kF32 || cache.format == Format::kBf16);
    CHECK(cache.kv_heads == args.kv_head_count && cache.head_dim == args.head_dim);
    CHECK(args.step.token_count == args.token_count);
    tiles = value_tiles(cache, args.token_count);
  }
  const std::int64_t blocks = row_blocks(rope_row_heads(args) * args.head_dim);
  launch(stream, GpuKernel::rope, {args.token_count * blocks + tiles}, kKvWriteThreads, args);
}

}  // namespace hearth::gpu_ops
