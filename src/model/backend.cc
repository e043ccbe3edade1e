#include "model/backend.h"

#include "device/cpu/cpu_device.h"
#include "kernels/cpu/cpu_kernels.h"
#include "kernels/gpu/gpu_table.h"

namespace hearth {

ChosenBackend backend_for(Device& device, ComputeMode compute) {
  if (device.is_cpu()) {
    const InstructionSet set = static_cast<const CpuDevice&>(device).instruction_set();
    return {{device, cpu_kernels(set)}, compute};
  }
  if (compute == ComputeMode::kAuto) compute = ComputeMode::kBf16;
  return {{device, compute == ComputeMode::kF32 ? gpu_kernels_f32() : gpu_kernels_bf16()}, compute};
}

}  // namespace hearth
