// A causal depthwise convolution over a sequence's tokens, with a state: the short convolution of LFM2 (Liquid AI
// 2025), gated on both sides, and the one in front of Mamba's and delta rules' recurrences, with SiLU.
#pragma once

#include <cstdint>

#include "formats/format.h"
#include "kernels/state/layer_states.h"

namespace hearth {

// With in[t] = x[t], or input_gate[t] * x[t]:
//   sum[t][c] = bias[c] + sum over j of weight[j][c] * in[t - (kernel - 1) + j][c], j ascending, one multiply-add each,
// where tokens are those of t's sequence, earlier steps included, and there is nothing before position 0;
//   out[t] = act(sum[t]), times output_gate[t] where there is one.
// The state keeps in[] of the last kernel - 1 tokens.
struct CausalConvArgs {
  const float* x;            // [tokens, channels], rows `x_stride` elements apart
  const float* input_gate;   // likewise, or null
  const float* output_gate;  // likewise, or null
  std::int64_t x_stride;
  const float* weight;  // [kernel, channels]: the last row is the token's own
  const float* bias;    // [channels], or null
  std::int64_t channels;
  std::int64_t kernel;  // at least 1
  bool silu;
  StepView step;
  LayerStates states;                // of causal_conv_state_floats() each: [kernel - 1, channels], the oldest first
  void* out;                         // [tokens, channels], rows `out_stride` apart; not x nor a gate
  std::int64_t out_stride;           // elements
  Format out_format = Format::kF32;  // or kBf16; the CPU: kF32 only
};

constexpr std::int64_t causal_conv_state_floats(std::int64_t channels, std::int64_t kernel) {
  return channels * (kernel - 1);
}

}  // namespace hearth
