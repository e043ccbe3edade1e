// Values held within a limit, in float32: of queries, keys and values in models that were trained with such (MPT).
#pragma once

#include <cstdint>

namespace hearth {

// x[i] = min(max(x[i], -limit), limit); NaN stays.
struct ClampArgs {
  float* x;  // [elements], in place
  std::int64_t element_count;
  float limit;  // not negative
};

}  // namespace hearth
