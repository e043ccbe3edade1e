// Root mean square normalization on the CPU: the rows are shared out, each is summed by one thread.
#include <cmath>

#include "base/check.h"
#include "device/cpu/cpu_device.h"
#include "kernels/cpu/cpu_ops.h"
#include "kernels/cpu/grain.h"
#include "kernels/cpu/row_sums.h"

namespace hearth::HEARTH_ISA {
namespace {

void normalize_row(const float* x, const RmsNormArgs& args, float* out) {
  const double sum = sum_row(x, args.width, [](F64x4 v) { return v * v; });
  const double mean_square = sum / static_cast<double>(args.width);
  const auto factor = static_cast<float>(1.0 / std::sqrt(mean_square + static_cast<double>(args.epsilon)));
  for (std::int64_t i = 0; i < args.width; ++i) out[i] = x[i] * factor * args.weight[i];
}

}  // namespace

void rms_norm(Stream& stream, const RmsNormArgs& args) {
  CHECK(args.out_format == Format::kF32);
  CHECK(args.residual == nullptr || args.group_count == 1);
  auto* out = static_cast<float*>(args.out);
  const std::int64_t grain = task_rows(args.group_count * args.width);
  cpu_pool(stream).run_ranges(args.row_count, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      const float* x = args.x + r * args.row_stride;
      if (args.residual != nullptr) {
        float* residual = args.residual + r * args.width;
        for (std::int64_t i = 0; i < args.width; ++i) residual[i] += x[i];
        x = residual;
      }
      for (std::int64_t g = 0; g < args.group_count; ++g) {
        normalize_row(x + g * args.width, args, out + r * args.out_stride + g * args.width);
      }
    }
  });
}

}  // namespace hearth::HEARTH_ISA
