// Blocks of the GPU kernel, shared with its launcher. Its parameters are the operator's own.
#pragma once

#include "kernels/split_rows/split_rows.h"

namespace hearth {

inline constexpr int kSplitRowsThreads = 256;

}  // namespace hearth
