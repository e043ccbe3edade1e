// The gates' cutoff on the CPU: the rows are shared out, each is summed by one thread.
#include <cmath>

#include "device/cpu/cpu_device.h"
#include "kernels/cpu/cpu_ops.h"
#include "kernels/cpu/grain.h"
#include "kernels/cpu/row_sums.h"

namespace hearth::HEARTH_ISA {

void gate_cutoff(Stream& stream, const GateCutoffArgs& args) {
  const auto width = static_cast<double>(args.width);
  const double count = args.cutoff.of_sample && args.width > 1 ? width - 1 : width;
  cpu_pool(stream).run_ranges(args.row_count, task_rows(args.width), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      float* const x = args.x + r * args.row_stride;
      const double mean = sum_row(x, args.width, [](F64x4 v) { return v; }) / width;
      const double squares = sum_row(x, args.width, [mean](F64x4 v) { return (v - mean) * (v - mean); });
      const auto least =
          static_cast<float>(mean + static_cast<double>(args.cutoff.deviations) * std::sqrt(squares / count));
      for (std::int64_t i = 0; i < args.width; ++i) {
        const float above = x[i] - least;
        x[i] = above < 0 ? 0 : above;
      }
    }
  });
}

}  // namespace hearth::HEARTH_ISA
