// The parameters of the GPU kernel, shared with its launcher.
#pragma once

#include <cstdint>

namespace hearth {

inline constexpr int kResidualAddThreads = 256;

struct ResidualAddParams {
  float* x;            // [elements]
  const float* delta;  // [elements]
  std::int64_t element_count;
  float scale = 1;
};

}  // namespace hearth
