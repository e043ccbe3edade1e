// The residual stream: x += delta, in float32.
#pragma once

#include <cstdint>

namespace hearth {

struct ResidualAddArgs {
  float* x;            // [elements], in place
  const float* delta;  // [elements]
  std::int64_t element_count;
};

}  // namespace hearth
