#include "device/cpu/cpu_device.h"

#include <fmt/format.h>
#include <sched.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <string>

#include "base/check.h"

namespace hearth {
namespace {

// The value after `key` in a file of "key : value" lines, as /proc has them; empty if there is none.
std::string proc_value(const char* path, std::string_view key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(key)) continue;
    const std::size_t start = line.find_first_not_of(" \t", line.find(':') + 1);
    return start == std::string::npos ? "" : line.substr(start);
  }
  return "";
}

}  // namespace

std::string_view to_string(InstructionSet set) {
  switch (set) {
    case InstructionSet::kPortable:
      return "portable";
    case InstructionSet::kAvx2:
      return "avx2";
  }
  CHECK(false);
}

std::span<const InstructionSet> usable_instruction_sets() {
  static constexpr std::array kSets{InstructionSet::kPortable, InstructionSet::kAvx2};
#if defined(__x86_64__)
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
#else
  const bool avx2 = false;
#endif
  return std::span(kSets).first(avx2 ? 2 : 1);
}

int usable_core_count() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return std::max(1, CPU_COUNT(&set));
}

CpuDevice::CpuDevice(int thread_count, InstructionSet set)
    : Device(DeviceId{DeviceKind::kCpu, 0}),
      instruction_set_(set),
      pool_(thread_count > 0 ? thread_count : usable_core_count()) {}

std::string CpuDevice::description() const {
  const std::string name = proc_value("/proc/cpuinfo", "model name");
  return fmt::format("{}, {} threads, {}", name.empty() ? "unknown processor" : name, pool_.thread_count(),
                     to_string(instruction_set_));
}

std::int64_t CpuDevice::memory_available_bytes() const {
  const std::string kib = proc_value("/proc/meminfo", "MemAvailable");
  return kib.empty() ? 0 : std::stoll(kib) * 1024;
}

std::unique_ptr<Stream> CpuDevice::open_stream() {
  return std::make_unique<CpuStream>(*this, pool_);
}

void CpuStream::upload(std::byte* to, const void* from, std::int64_t bytes) {
  std::memcpy(to, from, static_cast<std::size_t>(bytes));
}

void CpuStream::download(void* to, const std::byte* from, std::int64_t bytes) {
  std::memcpy(to, from, static_cast<std::size_t>(bytes));
}

void CpuStream::set_zero(std::byte* data, std::int64_t bytes) {
  std::memset(data, 0, static_cast<std::size_t>(bytes));
}

std::byte* CpuDevice::allocate_bytes(std::int64_t bytes) {
  if (bytes > memory_available_bytes()) return nullptr;  // the kernel would promise it, and kill somebody later
  const auto size = static_cast<std::size_t>(bytes);
  void* data = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) return nullptr;
  ::madvise(data, size, MADV_HUGEPAGE);  // a hint: fewer misses of the address translation when weights are streamed
  return static_cast<std::byte*>(data);
}

void CpuDevice::free_bytes(std::byte* data, std::int64_t bytes) {
  ::munmap(data, static_cast<std::size_t>(bytes));
}

}  // namespace hearth
