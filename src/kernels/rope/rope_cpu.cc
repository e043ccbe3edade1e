// Rotary position embedding on the CPU: the tokens are shared out. A pair's angle is loaded once for all heads.
#include <cmath>

#include "device/cpu/cpu_device.h"
#include "kernels/cpu/cpu_ops.h"
#include "kernels/cpu/grain.h"
#include "kernels/cpu/simd.h"

namespace hearth::HEARTH_ISA {
namespace {

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
    for (std::int64_t h = 0; h < args.head_count; ++h) {
      float* x = row + h * args.head_dim + i;
      const F32x8 v = load(x);
      store(x, v * cos + __builtin_shufflevector(v, v, 1, 0, 3, 2, 5, 4, 7, 6) * sin);
    }
  }
  for (std::int64_t h = 0; h < args.head_count; ++h) {
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
    for (std::int64_t h = 0; h < args.head_count; ++h) {
      float* x = row + h * args.head_dim + i;
      const F32x8 first = load(x), second = load(x + pair_count);
      store(x, first * cos - second * sin);
      store(x + pair_count, second * cos + first * sin);
    }
  }
  for (std::int64_t h = 0; h < args.head_count; ++h) {
    float* x = row + h * args.head_dim;
    for (std::int64_t j = i; j < pair_count; ++j) rotate(x[j], x[j + pair_count], table[2 * j], table[2 * j + 1]);
  }
}

}  // namespace

void rope_table(Stream& stream, const RopeTableArgs& args) {
  // A sine and a cosine in double precision cost some thirty times as much as an addition.
  const std::int64_t grain = 1 + task_rows(args.pair_count) / 32;
  cpu_pool(stream).run_ranges(args.token_count, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = begin; t < end; ++t) {
      float* angles = args.table + t * args.pair_count * 2;
      for (std::int64_t i = 0; i < args.pair_count; ++i) {
        const double angle = args.positions[t] * args.inverse_frequencies[i];
        angles[2 * i] = static_cast<float>(args.scale * std::cos(angle));
        angles[2 * i + 1] = static_cast<float>(args.scale * std::sin(angle));
      }
    }
  });
}

void rope(Stream& stream, const RopeArgs& args) {
  const std::int64_t grain = task_rows(args.head_count * args.pair_count * 2);
  cpu_pool(stream).run_ranges(args.token_count, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = begin; t < end; ++t) {
      const float* table = args.table + t * args.pair_count * 2;
      float* row = args.x + t * args.row_stride;
      if (args.pairs == RopePairs::kAdjacent) {
        rotate_adjacent(args, table, row);
      } else {
        rotate_half_split(args, table, row);
      }
    }
  });
}

}  // namespace hearth::HEARTH_ISA
