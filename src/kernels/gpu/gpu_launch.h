// How an operator's launcher starts its kernel.
#pragma once

#include "device/gpu/gpu_device.h"
#include "kernels/gpu/gpu_kernel_list.h"

namespace hearth {

// `threads` is what HEARTH_KERNEL says; an empty grid launches nothing.
template <class Params>
void launch(Stream& stream, GpuKernel kernel, GpuGrid grid, int threads, const Params& params, int shared_bytes = 0) {
  gpu_stream(stream).launch(static_cast<int>(kernel), grid, threads, &params, shared_bytes);
}

constexpr std::int64_t ceil_divide(std::int64_t a, std::int64_t b) {
  return (a + b - 1) / b;
}

}  // namespace hearth
