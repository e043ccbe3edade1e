// Blocks of the GPU kernel, shared with its launcher. The parameters are the operator's own arguments.
#pragma once

#include "kernels/clamp/clamp.h"

namespace hearth {

inline constexpr int kClampThreads = 256;

}  // namespace hearth
