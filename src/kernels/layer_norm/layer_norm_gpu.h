// The parameters of the GPU kernels, shared with their launcher.
#pragma once

#include <cstdint>

namespace hearth {

// A block for each row. Up to kLayerNormRowWidth and kLayerNormWideWidth elements stay in registers; longer rows are
// read several times. Nothing but the width decides.
inline constexpr int kLayerNormRowThreads = 256;
inline constexpr int kLayerNormRowWidth = 4096;
inline constexpr int kLayerNormWideThreads = 1024;
inline constexpr int kLayerNormWideWidth = 16384;

struct LayerNormParams {
  const float* x;
  const float* weight;
  const float* bias;  // or null
  float* residual;    // or null
  void* out;
  std::int64_t row_stride;
  std::int32_t group_count, weight_stride;
  std::int32_t width;
  float epsilon;
  bool out_bf16;
  bool aligned;  // all rows start at multiples of 16 bytes (bf16: 8) and the width is a multiple of 4
};

}  // namespace hearth
