// The CPU's kernel tables, one for each instruction set. Every kernel is one source file that is compiled once for each
// (see CMakeLists.txt): the macro HEARTH_ISA names the inner namespace, so that no two instruction sets share a symbol.
#pragma once

#include "device/cpu/cpu_device.h"
#include "kernels/kernel_table.h"

namespace hearth {

// The set must be one of usable_instruction_sets().
const KernelTable& cpu_kernels(InstructionSet set);

}  // namespace hearth
