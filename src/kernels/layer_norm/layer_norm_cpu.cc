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

void normalize_row(const float* x, const LayerNormArgs& args, std::int64_t group, float* out) {
  const float* const weight = args.weight + group * args.weight_stride;
  const auto width = static_cast<double>(args.width);
  const double mean = sum_row(x, args.width, [](F64x4 v) { return v; }) / width;
  const double sum = sum_row(x, args.width, [mean](F64x4 v) { return (v - mean) * (v - mean); });
  const auto factor = static_cast<float>(1.0 / std::sqrt(sum / width + static_cast<double>(args.epsilon)));
  // The mean in two parts: what x leaves of the first is exact where x is close to the mean.
  const auto mean_high = static_cast<float>(mean);
  const auto mean_low = static_cast<float>(mean - static_cast<double>(mean_high));
  for (std::int64_t i = 0; i < args.width; ++i) out[i] = ((x[i] - mean_high) - mean_low) * factor * weight[i];
  if (args.bias == nullptr) return;
  const float* const bias = args.bias + group * args.weight_stride;
  for (std::int64_t i = 0; i < args.width; ++i) out[i] += bias[i];
}

}  // namespace

void layer_norm(Stream& stream, const LayerNormArgs& args) {
  CHECK(args.out_format == Format::kF32);
  CHECK(args.group_count == 1 || args.residual == nullptr);
  auto* out = static_cast<float*>(args.out);
  const std::int64_t groups = args.group_count;
  const std::int64_t row_stride = args.row_stride > 0 ? args.row_stride : groups * args.width;
  cpu_pool(stream).run_ranges(
      args.row_count * groups, task_rows(args.width), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t r = begin; r < end; ++r) {
          const std::int64_t group = r % groups, at = r / groups * row_stride + group * args.width;
          const float* x = args.x + at;
          if (args.residual != nullptr) {
            float* residual = args.residual + at;
            for (std::int64_t i = 0; i < args.width; ++i) residual[i] += x[i];
            x = residual;
          }
          normalize_row(x, args, group, out + at);
        }
      });
}

}  // namespace hearth::HEARTH_ISA
