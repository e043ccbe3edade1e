// The parameters of the GPU kernel, shared with its launcher.
#pragma once

#include <cstdint>

#include "kernels/gate_cutoff/gate_cutoff.h"

namespace hearth {

// A block for each row, which is read three times.
inline constexpr int kGateCutoffThreads = 256;

struct GateCutoffParams {
  float* x;  // [rows, width]
  std::int64_t row_stride;
  std::int32_t width;
  GateCutoff cutoff;
  bool aligned;  // all rows start at multiples of 16 bytes and the width is a multiple of 4
};

}  // namespace hearth
