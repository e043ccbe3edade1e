// Launches the writing of keys and values on a GPU.
#include "kernels/kv_write/kv_write_gpu.h"

#include "kernels/gpu/gpu_launch.h"
#include "kernels/gpu/gpu_ops.h"

namespace hearth::gpu_ops {

void kv_write(Stream& stream, const KvWriteArgs& args) {
  const PagedKv& cache = args.cache;
  CHECK(cache.format == Format::kF32 || cache.format == Format::kBf16);
  const std::int64_t width = cache.kv_heads * cache.head_dim * (cache.v_by_dimension || cache.latent_dim > 0 ? 1 : 2);
  const std::int64_t tokens = args.step.token_count;
  launch(stream, GpuKernel::kv_write, {tokens * row_blocks(width) + value_tiles(cache, tokens)}, kKvWriteThreads, args);
}

}  // namespace hearth::gpu_ops
