// What this process may use of the machine: the processors and the memory that are there, less what its control groups
// (containers, services) allow. Reads the kernel's files only.
//
// Format: the kernel's documents on cgroup v1 and v2, proc(5).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

namespace hearth {

// The limits of the process's control groups and of those around them: the narrowest counts.
struct CgroupLimits {
  std::optional<double> cpus;                     // of processor time: 0.5 is half of one processor's
  std::optional<int> cpu_count;                   // processors that may be used
  std::optional<std::int64_t> memory_bytes;       // the limit (memory.max, memory.high)
  std::optional<std::int64_t> memory_room_bytes;  // what is left of it, with file caches given back
};

// `root` is where the file system begins; another than "/" in tests. What cannot be read limits nothing.
CgroupLimits read_cgroup_limits(const std::filesystem::path& root = "/");

// Threads that can run at the same time: processors of the affinity mask and the control groups, and no more than whole
// processors of a quota; at least 1.
int usable_core_count(const std::filesystem::path& root = "/");

// Bytes that can be allocated without swapping or being killed; 0 if the kernel does not say.
std::int64_t memory_available_bytes(const std::filesystem::path& root = "/");

}  // namespace hearth
