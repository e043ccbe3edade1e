// Blocks of the GPU kernels, shared with their launchers. The parameters are the operators' own arguments: plain values
// and pointers.
#pragma once

#include <cstdint>

#include "kernels/attention_steps/attention_steps.h"

namespace hearth {

inline constexpr int kScoresThreads = 128;      // keys of one row
inline constexpr int kScaleThreads = 256;       // elements
inline constexpr int kMaskThreads = 256;        // keys of one row
inline constexpr int kSoftmaxThreads = 256;     // share a row
inline constexpr int kWeightedSumThreads = 64;  // dimensions of one row

}  // namespace hearth
