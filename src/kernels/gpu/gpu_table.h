// The GPU's kernel tables: one for each way to compute. NVIDIA's and AMD's GPUs, and those that tests/simt imitates,
// have the same operators.
#pragma once

#include "kernels/kernel_table.h"

namespace hearth {

const KernelTable& gpu_kernels_f32();
const KernelTable& gpu_kernels_bf16();

}  // namespace hearth
