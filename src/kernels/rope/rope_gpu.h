// What the GPU kernel and its launcher agree on. Its parameters are the operator's own arguments: plain values and
// pointers. Blocks and tiles are those of kv_write.
#pragma once

#include "kernels/kv_write/kv_write_gpu.h"
#include "kernels/rms_norm/rms_norm_gpu.h"
#include "kernels/rope/rope.h"

namespace hearth {

// Heads that are normalized first take 32 lanes each; longer ones are normalized by rms_norm before.
inline constexpr int kRopeNormHeads = kKvWriteThreads / 32;
inline constexpr int kRopeNormWidth = kRmsNormHeadWidth;

// Heads that go row by row: of q and k, and of v where they are written as they stand.
HEARTH_ALWAYS_INLINE std::int64_t rope_row_heads(const RopeArgs& args) {
  const bool has_values = args.cache.k != nullptr && !args.cache.v_by_dimension;
  return args.q_head_count + args.kv_head_count * (has_values ? 2 : 1);
}

}  // namespace hearth
