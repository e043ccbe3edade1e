// The parameters of the GPU kernels, shared with their launcher.
#pragma once

#include "kernels/gated_rms_norm/gated_rms_norm.h"

namespace hearth {

// Groups of up to kGatedNormHeadWidth elements take 32 lanes each, longer ones a block that reads them twice.
inline constexpr int kGatedNormHeadWidth = 256;
inline constexpr int kGatedNormThreads = 256;

struct GatedRmsNormParams : GatedRmsNormArgs {
  bool aligned;  // four elements may be read and written at a time
};

}  // namespace hearth
