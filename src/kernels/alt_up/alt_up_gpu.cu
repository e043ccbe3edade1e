// Alternating updates: a block for each token and run of columns, whose threads first make the token's coefficients,
// one each, and then take a column.
#include "kernels/alt_up/alt_up_gpu.h"

#include "device/gpu/gpu.h"
#include "kernels/gpu/gpu_math.h"

namespace hearth::gpu {
namespace {

constexpr int kStreams = static_cast<int>(kAltUpStreamsMax);

struct Mix {
  float value[kStreams * kStreams];
};

// mix[row] = first + coefficients[row] . tanh(products of the block's token); by all threads.
HEARTH_DEVICE void mix_coefficients(const AltUpStreams& s, const float* coefficients, int row_count, float first,
                                    Mix& mix) {
  const int row = thread_index(), count = static_cast<int>(s.count);
  if (row < row_count) {
    const float* products = s.products + static_cast<std::int64_t>(block_x()) * count;
    float sum = 0.0f;
    for (int j = 0; j < count; ++j) sum = fma_exact(coefficients[row * count + j], tanh_accurate(products[j]), sum);
    mix.value[row] = first + sum;
  }
  block_sync();
}

// Where the thread's column of the token is in a stream; beyond the width there is none.
struct Column {
  int column;
  std::int64_t at, stride;

  HEARTH_DEVICE explicit Column(const AltUpStreams& s)
      : column(static_cast<int>(block_y()) * kAltUpThreads + thread_index()),
        at(static_cast<std::int64_t>(block_x()) * s.width + column),
        stride(s.token_count * s.width) {}
};

}  // namespace

HEARTH_KERNEL(alt_up_predict, kAltUpThreads, AltUpPredictArgs) {
  HEARTH_SHARED(Mix, mix);
  const AltUpStreams& s = p.streams;
  const int count = static_cast<int>(s.count);
  mix_coefficients(s, p.coefficients, count * count, 0.0f, mix);
  const Column c(s);
  if (c.column >= s.width) return;
  float in[kStreams];
  HEARTH_UNROLL
  for (int i = 0; i < kStreams; ++i) in[i] = i < count ? s.data[i * c.stride + c.at] : 0.0f;
  for (int o = 0; o < count; ++o) {
    float sum = 0.0f, own = 0.0f;
    HEARTH_UNROLL
    for (int i = 0; i < kStreams; ++i) {
      if (i < count) sum = fma_exact(mix.value[o * count + i], in[i], sum);
      own = i == o ? in[i] : own;
    }
    const float predicted = own + sum;
    s.data[o * c.stride + c.at] = predicted;
    if (o == s.active) p.x[c.at] = predicted;
  }
}

HEARTH_KERNEL(alt_up_correct, kAltUpThreads, AltUpCorrectArgs) {
  HEARTH_SHARED(Mix, mix);
  const AltUpStreams& s = p.streams;
  const int count = static_cast<int>(s.count);
  mix_coefficients(s, p.coefficients, count, 1.0f, mix);
  const Column c(s);
  if (c.column >= s.width) return;
  const float change = p.x[c.at] - s.data[s.active * c.stride + c.at];
  for (int i = 0; i < count; ++i) {
    float& stream = s.data[i * c.stride + c.at];
    stream = fma_exact(mix.value[i], change, stream);
    if (i == s.active) p.scaled[c.at] = p.scale == nullptr ? stream : stream * p.scale[c.column];
  }
}

}  // namespace hearth::gpu
