// The parameters of the GPU kernels, shared with their launcher.
#pragma once

#include <cstdint>

#include "kernels/activation/activation.h"

namespace hearth {

inline constexpr int kActivationThreads = 128;
// Elements of a block, four to a thread.
inline constexpr int kActivationBlockElements = 4 * kActivationThreads;

struct ActivationParams {
  const float* x;  // [elements]
  void* out;       // [elements]
  std::int64_t element_count;
  Activation activation;
  bool out_bf16;
  bool aligned;  // both start at multiples of four elements' bytes
  XieluParameters xielu;
};

struct GatedActivationParams {
  const float* gate;  // [rows, width], rows `row_stride` elements apart
  const float* up;    // likewise, `up_stride`
  void* out;          // [rows, width]
  std::int64_t row_stride;
  std::int64_t up_stride;
  std::int64_t width;
  Gating gating;
  Activation activation;
  bool out_bf16;
  bool aligned;  // so do all rows, and the width is a multiple of 4
  XieluParameters xielu;
};

}  // namespace hearth
