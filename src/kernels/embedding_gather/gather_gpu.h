// The parameters of the GPU kernels that take rows out of a table: embedding gather, position add and row gather.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hearth {

inline constexpr int kGatherThreads = 256;

struct GatherParams {
  const std::int32_t* rows;  // [tokens]: plus `offset`, rows of the table
  const std::byte* table;    // packed (gpu_layout.h), or float32 [.., width]
  float* out;                // [tokens, width]
  std::int64_t width;
  std::int64_t offset;
  std::uint32_t codes[4];  // of a table layout
  float scale;
  int add;                 // to what stands in out, instead of replacing it
  std::int32_t row_count;  // rows past these are the first; 0: there are none
};

}  // namespace hearth
