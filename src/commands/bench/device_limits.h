// What a device can do at best, measured in the run whose speeds are compared with it: bytes read plainly, and
// multiplications and additions made on numbers that are already in registers.
#pragma once

#include "base/thread_pool.h"
#include "device/device.h"
#include "kernels/matmul/matmul.h"

namespace hearth {

struct DeviceLimits {
  double bytes_per_second = 0;  // 0: not measured
  double flops_per_second = 0;  // a multiplication and an addition are two; of integers, where `compute` is int8
};

// Takes less than a second, and memory that is given back: measure before a model is loaded.
DeviceLimits measure_limits(Device& device, Stream& stream, Compute compute);

// Seconds to read the buffer once with every thread of the CPU, in pieces as large as a kernel's.
double read_seconds(ThreadPool& pool, const Buffer& buffer);

}  // namespace hearth
