// A driver for the GPUs that the executor imitates: GpuDevice, streams, graphs and launchers run over it as over
// CUDA's. Device memory is host memory, in blocks of exactly the size asked for: AddressSanitizer sees what a kernel
// reads or writes beside one, and what the host touches outside a kernel. It starts as NaN. Work of a stream is done
// when somebody waits for it and not before, so that a forgotten wait shows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

#include "device/gpu/driver_api.h"
#include "device/gpu/gpu_code.h"

namespace hearth {

// Devices 0 and 1: simt-nvidia (waves of 32) and simt-gfx9 (64). AMD's other targets run in tests/amd alone, as what
// the compiler made of them.
inline constexpr int kSimtDeviceCount = 2;
const DriverApi& simt_driver();

// Code objects for both, with the names of the program's kernels.
GpuCode simt_code();

// For drivers that differ from this one in how they run kernels (tests/amd): puts work into a stream, as a launch does,
// and finds the block of device or pinned memory that an address lies in, or an empty one.
int simt_enqueue(void* stream, std::function<void()> work);
std::span<const std::byte> simt_memory_block(const void* address);

// What crossed between the host and the imitated devices since the last reset.
struct SimtCounts {
  std::int64_t copies_to_device = 0, copies_to_host = 0;
  std::int64_t bytes_to_device = 0, bytes_to_host = 0;
  std::int64_t launch_count = 0, allocation_count = 0, graph_launch_count = 0;
};
SimtCounts simt_counts();
void simt_reset_counts();

// For tests of tests: the kernel does nothing from now on, until all are enabled again.
void simt_disable_kernel(std::string_view name);
void simt_enable_all_kernels();

}  // namespace hearth
