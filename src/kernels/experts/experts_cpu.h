// The CPU's product with experts, over any of its matmul kernels.
#pragma once

#include "device/cpu/cpu_device.h"
#include "kernels/experts/experts.h"
#include "kernels/kernel.h"

namespace hearth::HEARTH_ISA {

void expert_matmul(Stream& stream, const ExpertMatmulArgs& args, Kernel<MatmulArgs>::Function matmul);

template <Kernel<MatmulArgs>::Function kMatmul>
void expert_matmul(Stream& stream, const ExpertMatmulArgs& args) {
  expert_matmul(stream, args, kMatmul);
}

}  // namespace hearth::HEARTH_ISA
