// The parameters of the GPU's float32 attention kernel, shared with its launcher.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/attention/mask.h"
#include "kernels/attention/paged_kv.h"

namespace hearth {

inline constexpr int kAttentionRowThreads = 64;
inline constexpr int kAttentionRowKeys = 32;  // of a block of keys: what a wave looks at together

struct AttentionRowsParams {
  const float* q;
  void* out;
  StepView step;
  PagedKv cache;
  Mask mask;
  std::int64_t q_stride;
  std::int32_t head_count;
  float scale;
  float softcap;
  bool out_bf16;
};

}  // namespace hearth
