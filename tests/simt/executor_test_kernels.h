// The parameters of the executor's test kernels.
#pragma once

#include <cstdint>

namespace hearth {

struct TestParams {
  const float* in;
  float* out;
};

struct TestMmaParams {
  const std::uint16_t* a;  // [16, 16], bf16
  const std::uint16_t* b;  // [columns, 16], bf16
  float* out;              // [16, 16], of which the first columns are written
  std::int32_t* column_count;
};

}  // namespace hearth
