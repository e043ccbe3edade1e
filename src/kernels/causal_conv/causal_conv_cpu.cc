// The causal convolution on the CPU: channels are shared out, eight at a time, and each thread takes the tokens of
// every sequence in order, so that nobody writes a state that another still reads.
#include "base/check.h"
#include "device/cpu/cpu_device.h"
#include "kernels/cpu/cpu_ops.h"
#include "kernels/cpu/grain.h"
#include "kernels/cpu/simd_math.h"

namespace hearth::HEARTH_ISA {
namespace {

// Up to eight channels from `first` on.
struct Channels {
  std::int64_t first, count;

  HEARTH_INLINE F32x8 of(const float* row) const {
    return count == 8 ? load(row + first) : load_first(row + first, count);
  }
  HEARTH_INLINE void put(float* row, F32x8 v) const {
    std::memcpy(row + first, &v, static_cast<std::size_t>(count) * sizeof(float));
  }
};

HEARTH_INLINE F32x8 input(const CausalConvArgs& args, std::int64_t token, const Channels& channels) {
  const F32x8 x = channels.of(args.x + token * args.x_stride);
  return args.input_gate == nullptr ? x : channels.of(args.input_gate + token * args.x_stride) * x;
}

// What stands `back` tokens before `token`, whose sequence's tokens of this step begin with `start`.
HEARTH_INLINE F32x8 earlier(const CausalConvArgs& args, const float* state, std::int64_t start, std::int64_t token,
                            std::int64_t back, const Channels& channels) {
  if (token - back >= start) return input(args, token - back, channels);
  return channels.of(state + (args.kernel - 1 + token - back - start) * args.channels);
}

void convolve(const CausalConvArgs& args, std::int64_t sequence, const Channels& channels) {
  const std::int64_t start = args.step.token_starts[sequence], end = args.step.token_starts[sequence + 1];
  float* state = state_of(args.states, args.step, sequence);
  const F32x8 bias = args.bias == nullptr ? F32x8{} : channels.of(args.bias);
  auto* out = static_cast<float*>(args.out);
  for (std::int64_t token = start; token < end; ++token) {
    F32x8 sum = bias;
    for (std::int64_t back = std::min<std::int64_t>(args.kernel - 1, args.step.positions[token]); back >= 0; --back) {
      sum = multiply_add(channels.of(args.weight + (args.kernel - 1 - back) * args.channels),
                         earlier(args, state, start, token, back, channels), sum);
    }
    if (args.silu) sum = sum / (exp8(-sum) + 1.0f);
    if (args.output_gate != nullptr) sum = sum * channels.of(args.output_gate + token * args.x_stride);
    channels.put(out + token * args.out_stride, sum);
  }
  if (end == start) return;
  // The oldest first: what moves down has been read before it is overwritten.
  const std::int64_t position = args.step.positions[end - 1];
  for (std::int64_t back = std::min(args.kernel - 2, position); back >= 0; --back) {
    channels.put(state + (args.kernel - 2 - back) * args.channels,
                 earlier(args, state, start, end - 1, back, channels));
  }
}

}  // namespace

void causal_conv(Stream& stream, const CausalConvArgs& args) {
  CHECK(args.out_format == Format::kF32 && args.kernel >= 1);
  const std::int64_t groups = (args.channels + 7) / 8;
  cpu_pool(stream).run_ranges(groups, task_rows(8 * args.step.token_count), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t s = 0; s < args.step.sequence_count; ++s) {
      for (std::int64_t group = begin; group < end; ++group) {
        convolve(args, s, {8 * group, std::min<std::int64_t>(8, args.channels - 8 * group)});
      }
    }
  });
}

}  // namespace hearth::HEARTH_ISA
