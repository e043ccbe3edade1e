// The limits of a GPU, measured on it.
#pragma once

#include "device/gpu/gpu_device.h"

namespace hearth {

struct GpuLimits {
  double bytes_per_second = 0;  // read
  double flops_per_second = 0;  // of the matrix units, bf16 with float32 sums; a multiplication and an addition are two
};

// Takes some tenths of a second, and up to 1 GiB of memory that is given back.
GpuLimits measure_gpu_limits(GpuDevice& device, GpuStream& stream);

}  // namespace hearth
