// Splitting rows on the CPU.
#include <cstdint>

#include "device/cpu/cpu_device.h"
#include "kernels/cpu/cpu_ops.h"
#include "kernels/cpu/grain.h"
#include "kernels/rope/position_scale_cpu.h"

namespace hearth::HEARTH_ISA {

namespace {

float scale_of(const SplitRowsArgs& args, std::int64_t row) {
  return args.scale.beta == 0 ? 1 : factor_at(args.scale, args.positions[row / args.rows_per_token]);
}

}  // namespace

void split_rows(Stream& stream, const SplitRowsArgs& args) {
  const std::int64_t width = args.first_width + args.second_width;
  cpu_pool(stream).run_ranges(args.row_count, task_rows(width), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      const float* row = args.x + r * width;
      const float scale = scale_of(args, r);
      float *first = args.first + r * args.first_stride, *second = args.second + r * args.second_stride;
      for (std::int64_t i = 0; i < args.first_width; ++i) first[i] = row[i] * scale;
      for (std::int64_t i = 0; i < args.second_width; ++i) second[i] = row[args.first_width + i] * scale;
    }
  });
}

}  // namespace hearth::HEARTH_ISA
