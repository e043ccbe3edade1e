// The parameters of the GPU kernels, shared with their launcher.
#pragma once

#include <cstdint>

namespace hearth {

// Rows (or heads) of up to kRmsNormHeadWidth elements take 32 lanes each; up to kRmsNormRowWidth, kRmsNormMiddleWidth
// and kRmsNormWideWidth a block that keeps the row in registers; longer ones a block that reads them twice. Nothing but
// the width decides: a row's bits do not depend on how many there are.
inline constexpr int kRmsNormHeadThreads = 128;
inline constexpr int kRmsNormHeadWidth = 256;
inline constexpr int kRmsNormRowThreads = 256;
inline constexpr int kRmsNormRowWidth = 4096;
inline constexpr int kRmsNormMiddleThreads = 512;
inline constexpr int kRmsNormMiddleWidth = 8192;
inline constexpr int kRmsNormWideThreads = 1024;
inline constexpr int kRmsNormWideWidth = 16384;

struct RmsNormParams {
  const float* x;
  const float* weight;
  float* residual;  // or null
  void* out;
  std::int64_t row_count;  // groups count as rows
  std::int64_t row_stride;
  std::int64_t out_stride;
  std::int32_t group_count;
  std::int32_t width;
  float epsilon;
  bool out_bf16;
  bool aligned;  // all rows start at multiples of 16 bytes (bf16: 8) and the width is a multiple of 4
};

}  // namespace hearth
