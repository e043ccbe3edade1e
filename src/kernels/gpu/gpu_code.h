// The kernels as this program carries them.
#pragma once

#include "device/gpu/gpu_code.h"

namespace hearth {

// Names of all kernels, in the order of GpuKernel.
std::span<const GpuKernelName> gpu_kernel_names();

// The embedded code objects, with those names.
GpuCode embedded_gpu_code();

}  // namespace hearth
