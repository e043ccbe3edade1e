// The parameters of the GPU kernel, shared with its launcher.
#pragma once

#include <cstdint>

namespace hearth {

inline constexpr int kRoundBf16Threads = 256;

struct RoundBf16Params {
  const float* x;      // [elements]
  std::uint16_t* out;  // [elements]
  std::int64_t element_count;
  bool aligned;  // both start at multiples of four elements' bytes
};

}  // namespace hearth
