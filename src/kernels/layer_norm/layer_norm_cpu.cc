// Layer normalization on the CPU: the rows are shared out, each is summed by one thread. The variance is summed in a
// second pass, over differences from the mean, which loses nothing when the mean is large.
#include <cmath>

#include "base/check.h"
#include "device/cpu/cpu_device.h"
#include "kernels/cpu/cpu_ops.h"
#include "kernels/cpu/grain.h"
#include "kernels/cpu/row_sums.h"

namespace hearth::HEARTH_ISA {
namespace {

void normalize_row(const float* x, const LayerNormArgs& args, float* out) {
  const auto width = static_cast<double>(args.width);
  const double mean = sum_row(x, args.width, [](F64x4 v) { return v; }) / width;
  const double sum = sum_row(x, args.width, [mean](F64x4 v) { return (v - mean) * (v - mean); });
  const auto factor = static_cast<float>(1.0 / std::sqrt(sum / width + static_cast<double>(args.epsilon)));
  // The mean in two parts: what x leaves of the first is exact where x is close to the mean.
  const auto mean_high = static_cast<float>(mean);
  const auto mean_low = static_cast<float>(mean - static_cast<double>(mean_high));
  for (std::int64_t i = 0; i < args.width; ++i) out[i] = ((x[i] - mean_high) - mean_low) * factor * args.weight[i];
  if (args.bias == nullptr) return;
  for (std::int64_t i = 0; i < args.width; ++i) out[i] += args.bias[i];
}

}  // namespace

void layer_norm(Stream& stream, const LayerNormArgs& args) {
  CHECK(args.out_format == Format::kF32);
  auto* out = static_cast<float*>(args.out);
  cpu_pool(stream).run_ranges(args.row_count, task_rows(args.width), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      const float* x = args.x + r * args.width;
      if (args.residual != nullptr) {
        float* residual = args.residual + r * args.width;
        for (std::int64_t i = 0; i < args.width; ++i) residual[i] += x[i];
        x = residual;
      }
      normalize_row(x, args, out + r * args.width);
    }
  });
}

}  // namespace hearth::HEARTH_ISA
