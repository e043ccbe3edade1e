// How much work one task of an operator is: enough that waking a thread for it pays, so that the small inputs of
// decoding do not fork at all.
#pragma once

#include <cstdint>

#include "kernels/cpu/simd.h"

namespace hearth::HEARTH_ISA {

// Elements of a task that reads and writes each of them once: some ten microseconds.
inline constexpr std::int64_t kTaskElements = 16384;

// Rows of `width` elements for one task.
HEARTH_INLINE std::int64_t task_rows(std::int64_t width) {
  return 1 + kTaskElements / (width + 1);
}

}  // namespace hearth::HEARTH_ISA
