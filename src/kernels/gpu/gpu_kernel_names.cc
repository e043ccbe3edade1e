// The names that gpu_kernel_list.h lists.
#include "kernels/gpu/gpu_code.h"
#include "kernels/gpu/gpu_kernel_list.h"

namespace hearth {

std::span<const GpuKernelName> gpu_kernel_names() {
  static constexpr GpuKernelName kNames[] = {
#define HEARTH_NAME(module, name) {#module, #name},
      HEARTH_GPU_KERNELS(HEARTH_NAME)
#undef HEARTH_NAME
#define HEARTH_NAME(module, name) {#module, #name, "sm_90a"},
      HEARTH_HOPPER_KERNELS(HEARTH_NAME)
#undef HEARTH_NAME
  };
  return kNames;
}

}  // namespace hearth
