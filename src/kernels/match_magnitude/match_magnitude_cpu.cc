// Matching magnitudes on the CPU: the rows are shared out, each is summed by one thread.
#include <cmath>

#include "device/cpu/cpu_device.h"
#include "kernels/cpu/cpu_ops.h"
#include "kernels/cpu/grain.h"
#include "kernels/cpu/row_sums.h"

namespace hearth::HEARTH_ISA {

void match_magnitude(Stream& stream, const MatchMagnitudeArgs& args) {
  const auto width = static_cast<double>(args.width), least = static_cast<double>(args.least);
  const auto mean_square = [&](const float* row) {
    return sum_row(row, args.width, [](F64x4 v) { return v * v; }) / width;
  };
  cpu_pool(stream).run_ranges(args.row_count, task_rows(2 * args.width), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      float* const x = args.x + r * args.width;
      const double stated = mean_square(x), own = stated < least ? least : stated;
      if (own == 0) continue;
      const auto factor = static_cast<float>(std::sqrt(mean_square(args.like + r * args.width) / own));
      for (std::int64_t i = 0; i < args.width; ++i) x[i] *= factor;
    }
  });
}

}  // namespace hearth::HEARTH_ISA
