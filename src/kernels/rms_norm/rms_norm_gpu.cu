// Root mean square normalization. A thread takes four elements at a time; its squares are added in ascending order, and
// then the threads' sums by one tree.
#include "kernels/rms_norm/rms_norm_gpu.h"

#include "device/gpu/gpu.h"
#include "kernels/gpu/gpu_rows.h"
#include "kernels/rms_norm/norm_factor_gpu.h"

namespace hearth::gpu {
namespace {

struct Row {
  std::int64_t x, out, residual;  // where the row begins
};

HEARTH_DEVICE Row row_of(const RmsNormParams& p, std::int64_t index) {
  if (p.group_count == 1) return {index * p.row_stride, index * p.out_stride, index * p.width};
  const std::int64_t row = index / p.group_count, group = index - row * p.group_count;
  return {row * p.row_stride + group * p.width, row * p.out_stride + group * p.width, 0};
}

HEARTH_DEVICE void write(const RmsNormParams& p, std::int64_t at, int i, const Floats4& v, const Floats4& weight,
                         const NormFactor& factor) {
  store_converted(p.out, at + i, p.out_bf16, normalized(v, weight, factor), p.width - i, p.aligned);
}

// values += residual, and back to the residual stream.
template <int kThreads, int kVectors>
HEARTH_DEVICE void add_to_residual(const RmsNormParams& p, const Row& row, int thread, Floats4 (&values)[kVectors]) {
  float* residual = p.residual + row.residual;
  Floats4 old[kVectors];
  HEARTH_UNROLL
  for (int j = 0; j < kVectors; ++j) {
    const int i = 4 * (j * kThreads + thread);
    old[j] = Floats4{};
    if (i < p.width) old[j] = load_floats(residual + i, p.width - i, p.aligned);
  }
  HEARTH_UNROLL
  for (int j = 0; j < kVectors; ++j) {
    const int i = 4 * (j * kThreads + thread);
    HEARTH_UNROLL
    for (int e = 0; e < 4; ++e) values[j].value[e] = old[j].value[e] + values[j].value[e];
    if (i < p.width) store_floats(residual + i, values[j], p.width - i, p.aligned);
  }
}

// x, with the residual stream added and written back where there is one.
HEARTH_DEVICE Floats4 load_input(const RmsNormParams& p, const Row& row, int i) {
  Floats4 v = load_floats(p.x + row.x + i, p.width - i, p.aligned);
  if (p.residual != nullptr) {
    float* residual = p.residual + row.residual + i;
    const Floats4 old = load_floats(residual, p.width - i, p.aligned);
    HEARTH_UNROLL
    for (int e = 0; e < 4; ++e) v.value[e] = old.value[e] + v.value[e];
    store_floats(residual, v, p.width - i, p.aligned);
  }
  return v;
}

// A row that `kThreads` threads keep in registers; total(sum, attempt) adds their sums. Everything is read before
// anything is written, so that a thread waits for memory once.
template <int kThreads, int kVectors, class Total>
HEARTH_DEVICE void normalize(const RmsNormParams& p, const Row& row, int thread, bool valid, Total total) {
  Floats4 values[kVectors], weights[kVectors];
  HEARTH_UNROLL
  for (int j = 0; j < kVectors; ++j) {
    const int i = 4 * (j * kThreads + thread);
    values[j] = weights[j] = Floats4{};
    if (valid && i < p.width) {
      values[j] = load_floats(p.x + row.x + i, p.width - i, p.aligned);
      weights[j] = load_floats(p.weight + i, p.width - i, p.aligned);
    }
  }
  if (p.residual != nullptr && valid) add_to_residual<kThreads>(p, row, thread, values);
  const NormFactor factor = norm_factor(values, p.width, p.epsilon, total);
  HEARTH_UNROLL
  for (int j = 0; j < kVectors; ++j) {
    const int i = 4 * (j * kThreads + thread);
    if (valid && i < p.width) write(p, row.out, i, values[j], weights[j], factor);
  }
}

template <int kThreads>
struct Shared {
  BlockPartials<kThreads> partials[2];
};

}  // namespace

HEARTH_KERNEL(rms_norm_head, kRmsNormHeadThreads, RmsNormParams) {
  const std::int64_t index =
      static_cast<std::int64_t>(block_x()) * (kRmsNormHeadThreads / kGroupLanes) + thread_index() / kGroupLanes;
  const bool valid = index < p.row_count;
  normalize<kGroupLanes, kRmsNormHeadWidth / (4 * kGroupLanes)>(p, row_of(p, valid ? index : 0),
                                                                thread_index() % kGroupLanes, valid,
                                                                [](float sum, int) { return group_sum(sum); });
}

HEARTH_KERNEL(rms_norm_row, kRmsNormRowThreads, RmsNormParams) {
  HEARTH_SHARED(Shared<kRmsNormRowThreads>, shared);
  normalize<kRmsNormRowThreads, kRmsNormRowWidth / (4 * kRmsNormRowThreads)>(
      p, row_of(p, block_x()), thread_index(), true,
      [&](float sum, int attempt) { return block_sum(sum, shared.partials[attempt]); });
}

HEARTH_KERNEL(rms_norm_middle, kRmsNormMiddleThreads, RmsNormParams) {
  HEARTH_SHARED(Shared<kRmsNormMiddleThreads>, shared);
  normalize<kRmsNormMiddleThreads, kRmsNormMiddleWidth / (4 * kRmsNormMiddleThreads)>(
      p, row_of(p, block_x()), thread_index(), true,
      [&](float sum, int attempt) { return block_sum(sum, shared.partials[attempt]); });
}

HEARTH_KERNEL(rms_norm_wide, kRmsNormWideThreads, RmsNormParams) {
  HEARTH_SHARED(Shared<kRmsNormWideThreads>, shared);
  normalize<kRmsNormWideThreads, kRmsNormWideWidth / (4 * kRmsNormWideThreads)>(
      p, row_of(p, block_x()), thread_index(), true,
      [&](float sum, int attempt) { return block_sum(sum, shared.partials[attempt]); });
}

HEARTH_KERNEL(rms_norm_long, kRmsNormWideThreads, RmsNormParams) {
  HEARTH_SHARED(Shared<kRmsNormWideThreads>, shared);
  const Row row = row_of(p, block_x());
  const int begin = 4 * thread_index();
  constexpr int kStep = 4 * kRmsNormWideThreads;
  // A thread reads back only what it wrote itself.
  const float* input = p.residual != nullptr ? p.residual + row.residual : p.x + row.x;
  float sum = 0.0f, scale = 1.0f;
  for (int i = begin; i < p.width; i += kStep) sum = add_squares(sum, load_input(p, row, i), 1.0f);
  sum = block_sum(sum, shared.partials[0]);
  if (!(sum < __builtin_inff())) {
    scale = kSquaresDown;
    sum = 0.0f;
    for (int i = begin; i < p.width; i += kStep) {
      sum = add_squares(sum, load_floats(input + i, p.width - i, p.aligned), scale);
    }
    sum = block_sum(sum, shared.partials[1]);
  }
  const NormFactor factor = norm_factor(sum, scale, p.width, p.epsilon);
  for (int i = begin; i < p.width; i += kStep) {
    const Floats4 v = load_floats(input + i, p.width - i, p.aligned);
    write(p, row.out, i, v, load_floats(p.weight + i, p.width - i, p.aligned), factor);
  }
}

}  // namespace hearth::gpu
