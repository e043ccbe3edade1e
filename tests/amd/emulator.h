// Runs a kernel of an AMD code object: block by block, the waves of a block in turn from barrier to barrier, an
// instruction at a time. What the compiler made of a kernel is seen here as no other test sees it.
//
// Registers and shared memory start as NaN. Waves run in ascending order in one block and in descending order in the
// next, so that one of the two reads what a missing barrier leaves unwritten. Memory that is not the device's, shared
// memory beyond the block's, a shuffle from a lane that is not active, and a wave that goes on for ever end the
// program. Not imitated: the time that anything takes, and what happens where the compiler forgets to wait for a load.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "amd/code_object.h"

namespace hearth::amd {

// What Hearth has code objects for.
inline constexpr std::string_view kTargets[] = {"gfx90a", "gfx942", "gfx1100", "gfx1151", "gfx1201"};

// Shared memory that a block may have.
inline constexpr std::size_t kSharedBytesMax = 64 << 10;

// Instructions that a wave may run. The longest of the tests run a hundredth of it, in seconds.
inline constexpr std::int64_t kInstructionsMax = 100'000'000;

// `params`: kernel.params_bytes of them. `memory`: what the kernel may touch beside its arguments.
Counts run_grid(const Kernel& kernel, const unsigned (&grid)[3], std::size_t dynamic_shared_bytes, const void* params,
                const Memory& memory);

}  // namespace hearth::amd
