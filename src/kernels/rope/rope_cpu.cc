// Rotary position embedding on the CPU: the tokens are shared out. A pair's angle is loaded once for all heads.
#include "base/check.h"
#include "device/cpu/cpu_device.h"
#include "kernels/cpu/cpu_ops.h"
#include "kernels/cpu/grain.h"
#include "kernels/cpu/simd.h"
#include "kernels/rope/position_scale_cpu.h"

namespace hearth::HEARTH_ISA {
namespace {

HEARTH_INLINE std::int64_t head_count(const RopeArgs& args) {
  return args.q_head_count + args.kv_head_count;
}

// (x, y) turned by the angle of (cos, sin). Multiplications and additions are not fused, here and in the vector loops,
// so that the last pairs of a head are computed as the others.
HEARTH_INLINE void rotate(float& x, float& y, float cos, float sin) {
  const float old_x = x, old_y = y;
  x = old_x * cos - old_y * sin;
  y = old_y * cos + old_x * sin;
}

void rotate_adjacent(const RopeArgs& args, const float* table, float* row) {
  const std::int64_t element_count = 2 * args.pair_count;
  std::int64_t i = 0;
  for (; i + 8 <= element_count; i += 8) {
    const F32x8 angles = load(table + i);
    const F32x8 cos = __builtin_shufflevector(angles, angles, 0, 0, 2, 2, 4, 4, 6, 6);
    const F32x8 sin = __builtin_shufflevector(angles, -angles, 9, 1, 11, 3, 13, 5, 15, 7);
    for (std::int64_t h = 0; h < head_count(args); ++h) {
      float* x = row + h * args.head_dim + i;
      const F32x8 v = load(x);
      store(x, v * cos + __builtin_shufflevector(v, v, 1, 0, 3, 2, 5, 4, 7, 6) * sin);
    }
  }
  for (std::int64_t h = 0; h < head_count(args); ++h) {
    float* x = row + h * args.head_dim;
    for (std::int64_t j = i; j < element_count; j += 2) rotate(x[j], x[j + 1], table[j], table[j + 1]);
  }
}

void rotate_half_split(const RopeArgs& args, const float* table, float* row) {
  const std::int64_t pair_count = args.pair_count;
  std::int64_t i = 0;
  for (; i + 8 <= pair_count; i += 8) {
    const F32x8 low = load(table + 2 * i), high = load(table + 2 * i + 8);
    const F32x8 cos = __builtin_shufflevector(low, high, 0, 2, 4, 6, 8, 10, 12, 14);
    const F32x8 sin = __builtin_shufflevector(low, high, 1, 3, 5, 7, 9, 11, 13, 15);
    for (std::int64_t h = 0; h < head_count(args); ++h) {
      float* x = row + h * args.head_dim + i;
      const F32x8 first = load(x), second = load(x + pair_count);
      store(x, first * cos - second * sin);
      store(x + pair_count, second * cos + first * sin);
    }
  }
  for (std::int64_t h = 0; h < head_count(args); ++h) {
    float* x = row + h * args.head_dim;
    for (std::int64_t j = i; j < pair_count; ++j) rotate(x[j], x[j + pair_count], table[2 * j], table[2 * j + 1]);
  }
}

void multiply(float* x, std::int64_t count, float factor) {
  for (std::int64_t i = 0; i < count; ++i) x[i] *= factor;
}

}  // namespace

void rope(Stream& stream, const RopeArgs& args) {
  if (const HeadNorms& norms = args.norms; norms.q_weight != nullptr) {
    const auto normalize = [&](float* x, std::int64_t heads, const float* weight) {
      rms_norm(stream,
               {x, args.token_count, args.row_stride, heads, args.head_dim, weight, norms.epsilon, x, args.row_stride});
    };
    normalize(args.x, args.q_head_count, norms.q_weight);
    normalize(args.x + args.q_head_count * args.head_dim, args.kv_head_count, norms.k_weight);
  }
  const std::int64_t grain = task_rows(head_count(args) * args.pair_count * 2);
  cpu_pool(stream).run_ranges(args.token_count, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = begin; t < end; ++t) {
      const float* table = args.table + args.positions[t] * args.pair_count * 2;
      float* row = args.x + t * args.row_stride;
      if (args.pairs == RopePairs::kAdjacent) {
        rotate_adjacent(args, table, row);
      } else {
        rotate_half_split(args, table, row);
      }
      if (args.query_scale.beta != 0) {
        multiply(row, args.q_head_count * args.head_dim, factor_at(args.query_scale, args.positions[t]));
      }
    }
  });
  if (args.cache.k == nullptr) return;
  CHECK(args.cache.kv_heads == args.kv_head_count && args.cache.head_dim == args.head_dim);
  const float* k = args.x + args.q_head_count * args.head_dim;
  kv_write(stream, {k, k + args.kv_head_count * args.head_dim, args.row_stride, args.step, args.cache});
}

}  // namespace hearth::HEARTH_ISA
