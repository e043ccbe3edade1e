// A device with the kernels that a compute mode means on it.
#pragma once

#include "kernels/kernel_table.h"
#include "model/compute_mode.h"

namespace hearth {

struct ChosenBackend {
  Backend backend;
  ComputeMode compute;  // what kAuto means there
};

// On the CPU: the kernels of its instruction set, and kAuto stays. On a GPU kAuto is kBf16, and kF32 has kernels of its
// own that never round to fewer bits.
ChosenBackend backend_for(Device& device, ComputeMode compute);

}  // namespace hearth
