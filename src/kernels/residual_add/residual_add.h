// The residual stream: x = (x + delta) * scale, in float32.
#pragma once

#include <cstdint>

namespace hearth {

struct ResidualAddArgs {
  float* x;            // [elements], in place
  const float* delta;  // [elements]
  std::int64_t element_count;
  float scale = 1;
};

}  // namespace hearth
