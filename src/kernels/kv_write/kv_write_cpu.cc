// Writing keys and values into the paged cache on the CPU: a copy, or a rounding to bf16.
#include <cstdint>
#include <cstring>

#include "base/check.h"
#include "device/cpu/cpu_device.h"
#include "formats/float16.h"
#include "kernels/cpu/cpu_ops.h"
#include "kernels/cpu/simd.h"

namespace hearth::HEARTH_ISA {
namespace {

HEARTH_INLINE void write_row(const PagedKv& cache, std::byte* data, std::int64_t row, const float* values) {
  if (cache.format == Format::kF32) {
    std::memcpy(data + row * cache.head_dim * 4, values, static_cast<std::size_t>(cache.head_dim) * 4);
    return;
  }
  auto* halves = reinterpret_cast<std::uint16_t*>(data) + row * cache.head_dim;
  for (std::int64_t d = 0; d < cache.head_dim; ++d) halves[d] = f32_to_bf16(values[d]);
}

}  // namespace

void kv_write(Stream& stream, const KvWriteArgs& args) {
  const PagedKv& cache = args.cache;
  CHECK(cache.format == Format::kF32 || cache.format == Format::kBf16);
  CHECK(!cache.v_by_dimension);
  constexpr std::int64_t kTokensPerTask = 16;
  cpu_pool(stream).run_ranges(args.step.token_count, kTokensPerTask, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = begin; t < end; ++t) {
      const std::int32_t* block_table = block_table_of(args.step, args.step.sequences[t]);
      for (std::int64_t h = 0; h < cache.kv_heads; ++h) {
        const std::int64_t row = paged_row(cache, block_table, args.step.positions[t], h);
        const std::int64_t from = t * args.row_stride + h * cache.head_dim;
        write_row(cache, cache.k, row, args.k + from);
        if (cache.latent_dim == 0) write_row(cache, cache.v, row, args.v + from);
      }
    }
  });
}

}  // namespace hearth::HEARTH_ISA
