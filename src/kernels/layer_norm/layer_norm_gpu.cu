// Layer normalization. A first mean, in float32, may be off by its last places; the differences from it are exact where
// they matter, and their own mean and squares correct it. So a mean far from zero costs no digits.
#include "kernels/layer_norm/layer_norm_gpu.h"

#include "device/gpu/gpu.h"
#include "kernels/gpu/gpu_rows.h"

namespace hearth::gpu {
namespace {

// Rows whose sums overflow are scaled by this.
constexpr float kDown = 0x1p-80f;

// The normalized x is ((x * scale - mean) - correction) * factor.
struct Statistics {
  float scale, mean, correction, factor;
  bool finite;
};

template <int kThreads>
struct Shared {
  struct Attempt {
    BlockPartials<kThreads> sum, differences[2];
  } attempts[2];
};

// each(use) calls use(vector, count) for the vectors of the thread, in ascending order; `count` of the elements exist.
template <int kThreads, class Each>
HEARTH_DEVICE Statistics statistics_scaled(const LayerNormParams& p, float scale,
                                           typename Shared<kThreads>::Attempt& shared, Each each) {
  const auto width = static_cast<float>(p.width);
  float sum = 0.0f;
  each([&](const Floats4& v, int) {
    HEARTH_UNROLL
    for (int e = 0; e < 4; ++e) sum = fma_exact(v.value[e], scale, sum);
  });
  const float mean = block_sum(sum, shared.sum) / width;
  SumPair differences{0.0f, 0.0f};
  each([&](const Floats4& v, int count) {
    HEARTH_UNROLL
    for (int e = 0; e < 4; ++e) {
      const float d = e < count ? v.value[e] * scale - mean : 0.0f;
      differences.first += d;
      differences.second = fma_exact(d, d, differences.second);
    }
  });
  differences = block_sums(differences, shared.differences);
  const float correction = differences.first / width;
  const float mean_square = differences.second / width;
  float variance = mean_square - correction * correction;
  variance = variance < 0.0f ? 0.0f : variance;
  const float factor = 1.0f / sqrt_exact(variance + p.epsilon * scale * scale);
  return {scale, mean, correction, factor, variance < __builtin_inff()};
}

template <int kThreads, class Each>
HEARTH_DEVICE Statistics statistics(const LayerNormParams& p, Shared<kThreads>& shared, Each each) {
  const Statistics plain = statistics_scaled<kThreads>(p, 1.0f, shared.attempts[0], each);
  return plain.finite ? plain : statistics_scaled<kThreads>(p, kDown, shared.attempts[1], each);
}

// x, with the residual stream added and written back where there is one.
HEARTH_DEVICE Floats4 load_input(const LayerNormParams& p, std::int64_t row, int i) {
  Floats4 v = load_floats(p.x + row + i, p.width - i, p.aligned);
  if (p.residual != nullptr) {
    float* residual = p.residual + row + i;
    const Floats4 old = load_floats(residual, p.width - i, p.aligned);
    HEARTH_UNROLL
    for (int e = 0; e < 4; ++e) v.value[e] = old.value[e] + v.value[e];
    store_floats(residual, v, p.width - i, p.aligned);
  }
  return v;
}

// Where a block's row begins, and its weights.
struct Row {
  std::int64_t begin;
  int weights;
};
HEARTH_DEVICE Row row_of(const LayerNormParams& p) {
  if (p.group_count == 1) return {block_x() * p.row_stride, 0};
  const int row = block_x() / p.group_count, group = block_x() - row * p.group_count;
  return {row * p.row_stride + static_cast<std::int64_t>(group) * p.width, group * p.weight_stride};
}

HEARTH_DEVICE void write(const LayerNormParams& p, const Row& row, int i, Floats4 v, const Statistics& s) {
  const Floats4 weight = load_floats(p.weight + row.weights + i, p.width - i, p.aligned);
  HEARTH_UNROLL
  for (int e = 0; e < 4; ++e) {
    v.value[e] = ((v.value[e] * s.scale - s.mean) - s.correction) * s.factor * weight.value[e];
  }
  if (p.bias != nullptr) {
    const Floats4 bias = load_floats(p.bias + row.weights + i, p.width - i, p.aligned);
    HEARTH_UNROLL
    for (int e = 0; e < 4; ++e) v.value[e] += bias.value[e];
  }
  store_converted(p.out, row.begin + i, p.out_bf16, v, p.width - i, p.aligned);
}

template <int kThreads, int kVectors>
HEARTH_DEVICE void normalize(const LayerNormParams& p, Shared<kThreads>& shared) {
  const Row place = row_of(p);
  const std::int64_t row = place.begin;
  const int begin = 4 * thread_index();
  // Everything is read before anything is written, so that a thread waits for memory once.
  Floats4 values[kVectors], old[kVectors];
  HEARTH_UNROLL
  for (int j = 0; j < kVectors; ++j) {
    const int i = 4 * j * kThreads + begin;
    values[j] = old[j] = Floats4{};
    if (i >= p.width) continue;
    values[j] = load_floats(p.x + row + i, p.width - i, p.aligned);
    if (p.residual != nullptr) old[j] = load_floats(p.residual + row + i, p.width - i, p.aligned);
  }
  if (p.residual != nullptr) {
    HEARTH_UNROLL
    for (int j = 0; j < kVectors; ++j) {
      const int i = 4 * j * kThreads + begin;
      HEARTH_UNROLL
      for (int e = 0; e < 4; ++e) values[j].value[e] = old[j].value[e] + values[j].value[e];
      if (i < p.width) store_floats(p.residual + row + i, values[j], p.width - i, p.aligned);
    }
  }
  const auto each = [&](auto use) {
    HEARTH_UNROLL
    for (int j = 0; j < kVectors; ++j) use(values[j], p.width - (4 * j * kThreads + begin));
  };
  const Statistics s = statistics<kThreads>(p, shared, each);
  HEARTH_UNROLL
  for (int j = 0; j < kVectors; ++j) {
    const int i = 4 * j * kThreads + begin;
    if (i < p.width) write(p, place, i, values[j], s);
  }
}

}  // namespace

HEARTH_KERNEL(layer_norm_row, kLayerNormRowThreads, LayerNormParams) {
  HEARTH_SHARED(Shared<kLayerNormRowThreads>, shared);
  normalize<kLayerNormRowThreads, kLayerNormRowWidth / (4 * kLayerNormRowThreads)>(p, shared);
}

HEARTH_KERNEL(layer_norm_wide, kLayerNormWideThreads, LayerNormParams) {
  HEARTH_SHARED(Shared<kLayerNormWideThreads>, shared);
  normalize<kLayerNormWideThreads, kLayerNormWideWidth / (4 * kLayerNormWideThreads)>(p, shared);
}

HEARTH_KERNEL(layer_norm_long, kLayerNormWideThreads, LayerNormParams) {
  HEARTH_SHARED(Shared<kLayerNormWideThreads>, shared);
  const Row place = row_of(p);
  const std::int64_t row = place.begin;
  constexpr int kStep = 4 * kLayerNormWideThreads;
  const int begin = 4 * thread_index();
  if (p.residual != nullptr) {
    for (int i = begin; i < p.width; i += kStep) load_input(p, row, i);
  }
  // A thread reads back only what it wrote itself.
  const float* input = p.residual != nullptr ? p.residual + row : p.x + row;
  const auto each = [&](auto use) {
    for (int i = begin; i < p.width; i += kStep) {
      use(load_floats(input + i, p.width - i, p.aligned), p.width - i);
    }
  };
  const Statistics s = statistics<kLayerNormWideThreads>(p, shared, each);
  for (int i = begin; i < p.width; i += kStep) {
    write(p, place, i, load_floats(input + i, p.width - i, p.aligned), s);
  }
}

}  // namespace hearth::gpu
