// The parameters of the GPU kernels, shared with their launcher.
#pragma once

#include "kernels/selective_scan/selective_scan.h"

namespace hearth {

inline constexpr int kScanThreads = 256;

struct SelectiveScanParams : SelectiveScanArgs {
  bool state_aligned;   // a row's state may be read four elements at a time
  bool inputs_aligned;  // and b and c
  bool a_aligned;       // and a
};

}  // namespace hearth
