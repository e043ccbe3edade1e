// The parameters of the GPU kernels, shared with their launcher.
#pragma once

#include "kernels/causal_conv/causal_conv.h"

namespace hearth {

inline constexpr int kCausalConvThreads = 128;
inline constexpr int kCausalConvBlockChannels = 4 * kCausalConvThreads;

struct CausalConvParams {
  CausalConvArgs args;
  bool writes_states;  // every sequence has one token: whoever computes it keeps its state as well
  bool aligned;        // all rows start at multiples of 16 bytes (bf16: 8) and the channels are a multiple of 4
};

}  // namespace hearth
