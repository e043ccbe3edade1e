// Gated root mean square normalization. A thread takes four elements at a time; its squares are added in ascending
// order, and then the threads' sums by one tree.
#include "kernels/gated_rms_norm/gated_rms_norm_gpu.h"

#include "device/gpu/gpu.h"
#include "kernels/gpu/gpu_math.h"
#include "kernels/gpu/gpu_rows.h"

namespace hearth::gpu {
namespace {

// Where a group begins.
struct GatedGroup {
  std::int64_t x, gate, weight, out;
};

HEARTH_DEVICE GatedGroup group_at(const GatedRmsNormParams& p, std::int64_t index) {
  const std::int64_t row = index / p.group_count, group = index - row * p.group_count, at = group * p.width;
  return {row * p.x_stride + at, row * p.gate_stride + (p.gate_of_groups ? group : at), p.group_weights ? at : 0,
          index * p.width};
}

HEARTH_DEVICE float opening(const GatedRmsNormParams& p, float z) {
  if (p.activation == NormGate::kSoftplus) return softplus_accurate(z);
  return (p.activation == NormGate::kSilu ? z : 1.0f) / (exp_accurate(-z) + 1.0f);
}

// The gates of elements i to i + 3.
HEARTH_DEVICE Floats4 load_gate(const GatedRmsNormParams& p, const GatedGroup& group, int i, int count) {
  if (!p.gate_of_groups) return load_floats(p.gate + group.gate + i, count, p.aligned);
  const float gate = p.gate[group.gate];
  return {{gate, gate, gate, gate}};
}

// Elements i to i + 3 of what is normalized.
HEARTH_DEVICE Floats4 load_input(const GatedRmsNormParams& p, const GatedGroup& group, int i, int count) {
  Floats4 v = load_floats(p.x + group.x + i, count, p.aligned);
  if (!p.gate_first) return v;
  const Floats4 gate = load_gate(p, group, i, count);
  HEARTH_UNROLL
  for (int e = 0; e < 4; ++e) v.value[e] *= opening(p, gate.value[e]);
  return v;
}

HEARTH_DEVICE float add_squares(float sum, const Floats4& v) {
  HEARTH_UNROLL
  for (int e = 0; e < 4; ++e) sum = fma_exact(v.value[e], v.value[e], sum);
  return sum;
}

HEARTH_DEVICE void write(const GatedRmsNormParams& p, const GatedGroup& group, int i, int count, Floats4 v,
                         float factor) {
  if (p.weight != nullptr) {
    const Floats4 weight = load_floats(p.weight + group.weight + i, count, p.aligned);
    HEARTH_UNROLL
    for (int e = 0; e < 4; ++e) v.value[e] *= factor * weight.value[e];
  }
  if (!p.gate_first) {
    const Floats4 gate = load_gate(p, group, i, count);
    HEARTH_UNROLL
    for (int e = 0; e < 4; ++e) v.value[e] *= opening(p, gate.value[e]);
  }
  store_converted(p.out, group.out + i, p.out_format == Format::kBf16, v, count, p.aligned);
}

HEARTH_DEVICE float factor_of(const GatedRmsNormParams& p, float sum) {
  return 1.0f / sqrt_exact(sum / static_cast<float>(static_cast<int>(p.width)) + p.epsilon);
}

}  // namespace

HEARTH_KERNEL(gated_rms_norm_head, kGatedNormThreads, GatedRmsNormParams) {
  constexpr int kVectors = kGatedNormHeadWidth / (4 * kGroupLanes);
  const std::int64_t index =
      static_cast<std::int64_t>(block_x()) * (kGatedNormThreads / kGroupLanes) + thread_index() / kGroupLanes;
  const bool valid = index < p.row_count * p.group_count;
  const GatedGroup group = group_at(p, valid ? index : 0);
  const int width = valid ? static_cast<int>(p.width) : 0, lane = thread_index() % kGroupLanes;
  Floats4 values[kVectors];
  float sum = 0.0f;
  HEARTH_UNROLL
  for (int j = 0; j < kVectors; ++j) {
    const int i = 4 * (j * kGroupLanes + lane);
    values[j] = load_input(p, group, i, width - i);
    sum = add_squares(sum, values[j]);
  }
  const float factor = factor_of(p, group_sum(sum));
  HEARTH_UNROLL
  for (int j = 0; j < kVectors; ++j) {
    const int i = 4 * (j * kGroupLanes + lane);
    write(p, group, i, width - i, values[j], factor);
  }
}

HEARTH_KERNEL(gated_rms_norm_row, kGatedNormThreads, GatedRmsNormParams) {
  HEARTH_SHARED(BlockPartials<kGatedNormThreads>, partials);
  const GatedGroup group = group_at(p, block_x());
  const int width = static_cast<int>(p.width);
  constexpr int kStep = 4 * kGatedNormThreads;
  float sum = 0.0f;
  for (int i = p.weight == nullptr ? width : 4 * thread_index(); i < width; i += kStep)
    sum = add_squares(sum, load_input(p, group, i, width - i));
  const float factor = factor_of(p, block_sum(sum, partials));
  for (int i = 4 * thread_index(); i < width; i += kStep) {
    write(p, group, i, width - i, load_input(p, group, i, width - i), factor);
  }
}

}  // namespace hearth::gpu
