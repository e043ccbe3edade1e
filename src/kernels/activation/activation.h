// The nonlinearities of feed-forward blocks, plain and gated (Shazeer 2020).
#pragma once

#include <cstdint>

#include "formats/format.h"

namespace hearth {

enum class Activation : std::uint8_t {
  kSilu,       // x * sigmoid(x)
  kGelu,       // x * Phi(x), exact
  kGeluTanh,   // the tanh approximation ("gelu_new", "gelu_pytorch_tanh")
  kGeluQuick,  // x * sigmoid(1.702 x)
  kRelu,
  kReluSquared,
  kXielu,  // of four learned numbers, below
};

// xIELU (Huang and Schlag 2024): positive x^2 + linear x above 0, and else negative (e^min(x, eps) - 1 - x) + linear x.
struct XieluParameters {
  float positive = 0, negative = 0, linear = 0, eps = 0;
};

// out[i] = act(x[i])
struct ActivationArgs {
  Activation activation;
  const float* x;  // [elements]
  std::int64_t element_count;
  void* out;                         // [elements]; may be x where it is float32
  Format out_format = Format::kF32;  // or kBf16; the CPU: kF32 only
  XieluParameters xielu = {};        // of kXielu
};

// What some families make of the factors first: a gate is at most `limit` and up lies within it on both sides, where it
// is not 0, and then a number is added to up.
struct Gating {
  float limit = 0;
  float up_offset = 0;
};

// out[r][i] = act(gate[r][i]) * up[r][i]. Gate and up may be columns of one matrix, or rows of two.
struct GatedActivationArgs {
  Activation activation;
  const float* gate;  // [rows, width], rows `row_stride` elements apart
  const float* up;    // likewise, or `up_stride` where that is not 0
  std::int64_t row_count;
  std::int64_t width;
  std::int64_t row_stride;
  void* out;                         // [rows, width]; may be gate or up where all three are contiguous float32
  Format out_format = Format::kF32;  // or kBf16; the CPU: kF32 only
  Gating gating = {};
  XieluParameters xielu = {};  // of kXielu
  std::int64_t up_stride = 0;
};

}  // namespace hearth
