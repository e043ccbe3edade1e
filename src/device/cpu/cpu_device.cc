#include "device/cpu/cpu_device.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <string>
#include <utility>

#include "base/check.h"
#include "device/cpu/machine_limits.h"

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

std::span<const InstructionSet> instruction_sets_for(const CpuFeatures& features) {
  static constexpr std::array kSets{InstructionSet::kPortable, InstructionSet::kAvx2};
  const bool avx2 = features.avx2 && features.fma && features.f16c && features.bmi && features.bmi2;
  return std::span(kSets).first(avx2 ? 2 : 1);
}

std::span<const InstructionSet> usable_instruction_sets() {
  CpuFeatures features;
#if defined(__x86_64__)
  features = {.avx2 = __builtin_cpu_supports("avx2") != 0,
              .fma = __builtin_cpu_supports("fma") != 0,
              .f16c = __builtin_cpu_supports("f16c") != 0,
              .bmi = __builtin_cpu_supports("bmi") != 0,
              .bmi2 = __builtin_cpu_supports("bmi2") != 0};
#endif
  return instruction_sets_for(features);
}

CpuDevice::CpuDevice(int thread_count, InstructionSet set, std::filesystem::path system_root)
    : Device(DeviceId{DeviceKind::kCpu, 0}),
      instruction_set_(set),
      system_root_(std::move(system_root)),
      pool_(thread_count > 0 ? thread_count : usable_core_count(system_root_)) {}

std::string CpuDevice::description() const {
  const std::string name = proc_value("/proc/cpuinfo", "model name");
  std::string text = fmt::format("{}, {} threads, {}", name.empty() ? "unknown processor" : name, pool_.thread_count(),
                                 to_string(instruction_set_));
  const CgroupLimits limits = read_cgroup_limits(system_root_);
  if (limits.cpus) text += fmt::format(", {:.2g} CPUs by its cgroup", *limits.cpus);
  if (limits.memory_bytes) {
    text += fmt::format(", {:.1f} GiB by its cgroup", static_cast<double>(*limits.memory_bytes) / (1 << 30));
  }
  return text;
}

std::int64_t CpuDevice::memory_available_bytes() const {
  return hearth::memory_available_bytes(system_root_);
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

void CpuStream::copy(std::byte* to, const std::byte* from, std::int64_t bytes) {
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
  touch(static_cast<std::byte*>(data), bytes);
  return static_cast<std::byte*>(data);
}

// Every page is there before anything counts on it: what the kernel cannot give shows here and not in the middle of an
// answer.
void CpuDevice::touch(std::byte* data, std::int64_t bytes) {
  constexpr std::int64_t kPageBytes = 4096, kPartBytes = 2 << 20;
  pool_.run_ranges(bytes, kPartBytes, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t at = begin; at < end; at += kPageBytes) {
      *const_cast<volatile std::byte*>(data + at) = std::byte{0};
    }
  });
}

void CpuDevice::free_bytes(std::byte* data, std::int64_t bytes) {
  ::munmap(data, static_cast<std::size_t>(bytes));
}

}  // namespace hearth
