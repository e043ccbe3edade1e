// The nonlinearities of feed-forward blocks, plain and gated (Shazeer 2020).
#pragma once

#include <cstdint>

namespace hearth {

enum class Activation : std::uint8_t {
  kSilu,       // x * sigmoid(x)
  kGelu,       // x * Phi(x), exact
  kGeluTanh,   // the tanh approximation ("gelu_new", "gelu_pytorch_tanh")
  kGeluQuick,  // x * sigmoid(1.702 x)
  kRelu,
  kReluSquared,
};

// out[i] = act(x[i])
struct ActivationArgs {
  Activation activation;
  const float* x;  // [elements]
  std::int64_t element_count;
  float* out;  // [elements]; may be x
};

// out[i] = act(gate[i]) * up[i]
struct GatedActivationArgs {
  Activation activation;
  const float* gate;  // [elements]
  const float* up;    // [elements]
  std::int64_t element_count;
  float* out;  // [elements]; may be gate or up
};

}  // namespace hearth
