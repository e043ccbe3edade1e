// The causal convolution in double precision: of one whole sequence, without a state.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace hearth::reference {

// `in` [tokens, channels] is what is convolved, gated already; `output_gate` likewise, or empty; `bias` may be empty.
inline std::vector<double> causal_conv(std::span<const double> in, std::span<const float> output_gate,
                                       std::span<const float> weight, std::span<const float> bias, std::size_t channels,
                                       bool silu) {
  const std::size_t kernel = weight.size() / channels;
  std::vector<double> out(in.size());
  for (std::size_t i = 0; i < in.size(); ++i) {
    const std::size_t token = i / channels, c = i % channels;
    double sum = bias.empty() ? 0 : static_cast<double>(bias[c]);
    for (std::size_t back = 0; back < kernel && back <= token; ++back) {
      sum += static_cast<double>(weight[(kernel - 1 - back) * channels + c]) * in[i - back * channels];
    }
    if (silu) sum /= 1 + std::exp(-sum);
    out[i] = output_gate.empty() ? sum : sum * static_cast<double>(output_gate[i]);
  }
  return out;
}

}  // namespace hearth::reference
