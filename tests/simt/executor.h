// Runs GPU kernels on the host. A grid runs block by block; each thread of a block is a fiber, which waits at barriers
// and at operations of its wave for the others. A kernel is compiled once for every GPU that is imitated
// (device/gpu/gpu_host.h), and announces itself here before main().
//
// What a real GPU leaves undefined is found where it can be: shared memory starts as NaN; threads run in ascending
// order in one block and in descending order in the next (and a kernel's launches begin with either in turn), so that
// one of the two reads what a missing barrier leaves unwritten; and where no thread can go on, because they do not
// agree on a barrier, the program ends and says who waits where.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace hearth::simt {

struct ImitatedGpu {
  const char* name;  // "gfx9": what a kernel's registration has
  const char* architecture;
  int wave_size;
};
inline constexpr int kImitatedGpuCount = 2;
std::span<const ImitatedGpu, kImitatedGpuCount> imitated_gpus();

struct SimtKernel {
  const char* name;
  int wave_size;
  int threads;  // of a block
  std::size_t params_bytes;
  void (*run)(const void* params);
};
// A kernel of that GPU, or null.
const SimtKernel* find_kernel(std::string_view gpu_name, std::string_view kernel_name);

// Shared memory that a block may have.
inline constexpr std::size_t kSharedBytesMax = 48 * 1024;
// What one lane may deposit in an operation of its wave.
inline constexpr int kLaneBytesMax = 256;

// Runs all blocks; returns when they are done. Each operating-system thread that calls this has its own fibers.
void run_grid(const SimtKernel& kernel, const unsigned (&grid)[3], const void* params);

// Switches between fibers that the calling thread's grids have made.
std::int64_t switch_count();

}  // namespace hearth::simt
