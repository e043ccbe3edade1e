// Gated root mean square normalization on the CPU: the rows are shared out, each is summed by one thread.
#include <cmath>

#include "base/check.h"
#include "device/cpu/cpu_device.h"
#include "kernels/cpu/cpu_ops.h"
#include "kernels/cpu/grain.h"
#include "kernels/cpu/row_sums.h"
#include "kernels/cpu/simd_math.h"

namespace hearth::HEARTH_ISA {
namespace {

HEARTH_INLINE F32x8 opening(F32x8 z, NormGate activation) {
  if (activation == NormGate::kSoftplus) return softplus8(z);
  return (activation == NormGate::kSilu ? z : broadcast(1.0f)) / (exp8(-z) + 1.0f);
}

// out = x * act(gate)
void apply_gate(const float* x, const float* gate, const GatedRmsNormArgs& args, float* out) {
  const F32x8 of_group = args.gate_of_groups ? opening(broadcast(*gate), args.activation) : F32x8{};
  for (std::int64_t i = 0; i < args.width; i += 8) {
    const std::int64_t count = args.width - i < 8 ? args.width - i : 8;
    const F32x8 y = count == 8 ? load(x + i) : load_first(x + i, count);
    F32x8 open = of_group;
    if (!args.gate_of_groups) {
      open = opening(count == 8 ? load(gate + i) : load_first(gate + i, count), args.activation);
    }
    const F32x8 gated = open * y;
    std::memcpy(out + i, &gated, static_cast<std::size_t>(count) * sizeof(float));
  }
}

void normalize_group(const float* x, const float* gate, const float* weight, const GatedRmsNormArgs& args, float* out) {
  if (weight == nullptr) return apply_gate(x, gate, args, out);
  if (args.gate_first) {
    apply_gate(x, gate, args, out);
    x = out;
  }
  const double sum = sum_row(x, args.width, [](F64x4 v) { return v * v; });
  const double mean_square = sum / static_cast<double>(args.width);
  const auto factor = static_cast<float>(1.0 / std::sqrt(mean_square + static_cast<double>(args.epsilon)));
  for (std::int64_t i = 0; i < args.width; ++i) out[i] = x[i] * factor * weight[i];
  if (!args.gate_first) apply_gate(out, gate, args, out);
}

}  // namespace

void gated_rms_norm(Stream& stream, const GatedRmsNormArgs& args) {
  CHECK(args.out_format == Format::kF32);
  auto* out = static_cast<float*>(args.out);
  const std::int64_t groups = args.group_count, width = args.width;
  // An exponential and a division cost about as much as four elements' way through memory.
  cpu_pool(stream).run_ranges(args.row_count * groups, task_rows(4 * width), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t row = i / groups, at = i % groups * width;
      const std::int64_t gate_at = args.gate_of_groups ? i % groups : at;
      normalize_group(args.x + row * args.x_stride + at, args.gate + row * args.gate_stride + gate_at,
                      args.weight == nullptr ? nullptr : args.weight + (args.group_weights ? at : 0), args,
                      out + i * width);
    }
  });
}

}  // namespace hearth::HEARTH_ISA
