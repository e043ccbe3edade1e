// The causal convolution: a thread for every four channels of a token. Where a sequence has several tokens in the step,
// a second kernel keeps the states once all that read them have.
#include "kernels/causal_conv/causal_conv_gpu.h"

#include "device/gpu/gpu.h"
#include "kernels/gpu/gpu_math.h"
#include "kernels/gpu/gpu_rows.h"

namespace hearth::gpu {
namespace {

// Four channels from `first` on, of which `count` exist.
struct Channels {
  std::int64_t first;
  int count;
  bool aligned;

  HEARTH_DEVICE Floats4 of(const float* row) const { return load_floats(row + first, count, aligned); }
  HEARTH_DEVICE void put(float* row, const Floats4& v) const { store_floats(row + first, v, count, aligned); }
};

HEARTH_DEVICE Channels channels_of(const CausalConvParams& p, int block) {
  const std::int64_t first = static_cast<std::int64_t>(block) * kCausalConvBlockChannels + 4 * thread_index();
  const std::int64_t left = p.args.channels - first;
  return {first, left < 4 ? static_cast<int>(left < 0 ? 0 : left) : 4, p.aligned};
}

HEARTH_DEVICE Floats4 input(const CausalConvArgs& args, std::int64_t token, const Channels& channels) {
  Floats4 x = channels.of(args.x + token * args.x_stride);
  if (args.input_gate == nullptr) return x;
  const Floats4 gate = channels.of(args.input_gate + token * args.x_stride);
  HEARTH_UNROLL
  for (int e = 0; e < 4; ++e) x.value[e] *= gate.value[e];
  return x;
}

// What stands `back` tokens before `token`, whose sequence's tokens of this step begin with `start`.
HEARTH_DEVICE Floats4 earlier(const CausalConvArgs& args, const float* state, std::int64_t start, std::int64_t token,
                              std::int64_t back, const Channels& channels) {
  if (token - back >= start) return input(args, token - back, channels);
  return channels.of(state + (args.kernel - 1 + token - back - start) * args.channels);
}

HEARTH_DEVICE std::int64_t smaller(std::int64_t a, std::int64_t b) {
  return a < b ? a : b;
}

// The oldest first: what moves down has been read before it is overwritten.
HEARTH_DEVICE void keep_state(const CausalConvArgs& args, float* state, std::int64_t start, std::int64_t last,
                              const Channels& channels) {
  for (std::int64_t back = smaller(args.kernel - 2, args.step.positions[last]); back >= 0; --back) {
    channels.put(state + (args.kernel - 2 - back) * args.channels, earlier(args, state, start, last, back, channels));
  }
}

}  // namespace

HEARTH_KERNEL(causal_conv, kCausalConvThreads, CausalConvParams) {
  const CausalConvArgs& args = p.args;
  const std::int64_t token = block_x();
  const Channels channels = channels_of(p, static_cast<int>(block_y()));
  if (channels.count == 0) return;
  const std::int32_t sequence = args.step.sequences[token];
  const std::int64_t start = args.step.token_starts[sequence];
  float* const state = state_of(args.states, args.step, sequence);
  Floats4 sum{};
  if (args.bias != nullptr) sum = channels.of(args.bias);
  for (std::int64_t back = smaller(args.kernel - 1, args.step.positions[token]); back >= 0; --back) {
    const Floats4 weight = channels.of(args.weight + (args.kernel - 1 - back) * args.channels);
    const Floats4 in = earlier(args, state, start, token, back, channels);
    HEARTH_UNROLL
    for (int e = 0; e < 4; ++e) sum.value[e] = fma_exact(weight.value[e], in.value[e], sum.value[e]);
  }
  if (args.silu) {
    HEARTH_UNROLL
    for (int e = 0; e < 4; ++e) sum.value[e] = sum.value[e] / (exp_accurate(-sum.value[e]) + 1.0f);
  }
  if (args.output_gate != nullptr) {
    const Floats4 gate = channels.of(args.output_gate + token * args.x_stride);
    HEARTH_UNROLL
    for (int e = 0; e < 4; ++e) sum.value[e] *= gate.value[e];
  }
  store_converted(args.out, token * args.out_stride + channels.first, args.out_format == Format::kBf16, sum,
                  channels.count, p.aligned);
  if (p.writes_states) keep_state(args, state, start, token, channels);
}

HEARTH_KERNEL(causal_conv_keep, kCausalConvThreads, CausalConvParams) {
  const CausalConvArgs& args = p.args;
  const std::int64_t sequence = block_x();
  const Channels channels = channels_of(p, static_cast<int>(block_y()));
  const std::int64_t start = args.step.token_starts[sequence], end = args.step.token_starts[sequence + 1];
  if (channels.count == 0 || end == start) return;
  keep_state(args, state_of(args.states, args.step, sequence), start, end - 1, channels);
}

}  // namespace hearth::gpu
