// What the GPU kernels and their launchers agree on. Their parameters are the operators' own arguments: plain values
// and pointers.
#pragma once

#include "kernels/alt_up/alt_up.h"

namespace hearth {

// A block for each token and run of columns.
inline constexpr int kAltUpThreads = 256;
static_assert(kAltUpStreamsMax * kAltUpStreamsMax <= kAltUpThreads, "a thread for each coefficient");

}  // namespace hearth
