// The parameters of the GPU kernel, shared with its launcher.
#pragma once

#include <cstdint>

namespace hearth {

// A block for each row, which is read twice.
inline constexpr int kMatchMagnitudeThreads = 256;

struct MatchMagnitudeParams {
  float* x;           // [rows, width]
  const float* like;  // [rows, width]
  std::int32_t width;
  float least;
  bool aligned;  // all rows start at multiples of 16 bytes
};

}  // namespace hearth
