// The CPU as a device: a pool of threads, an instruction set chosen once, and memory from the operating system.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string_view>

#include "base/thread_pool.h"
#include "device/cpu/machine_limits.h"
#include "device/device.h"

namespace hearth {

// The kernels are compiled once for each of these; bits are the same for one of them, not between them.
enum class InstructionSet : std::uint8_t { kPortable, kAvx2 };
std::string_view to_string(InstructionSet set);
// Those that this machine can run, the best last.
std::span<const InstructionSet> usable_instruction_sets();

// What a processor has; the code for avx2 is compiled for all of them.
struct CpuFeatures {
  bool avx2 = false, fma = false, f16c = false, bmi = false, bmi2 = false;
};
std::span<const InstructionSet> instruction_sets_for(const CpuFeatures& features);

class CpuStream;

class CpuDevice final : public Device {
 public:
  // `thread_count` 0: one for each usable core. `system_root`: where the kernel's files on the machine's limits are.
  explicit CpuDevice(int thread_count = 0, InstructionSet set = usable_instruction_sets().back(),
                     std::filesystem::path system_root = "/");

  std::string description() const override;
  std::int64_t memory_available_bytes() const override;
  std::unique_ptr<Stream> open_stream() override;
  InstructionSet instruction_set() const { return instruction_set_; }
  ThreadPool& pool() { return pool_; }

 protected:
  std::byte* allocate_bytes(std::int64_t bytes) override;
  void free_bytes(std::byte* data, std::int64_t bytes) override;

 private:
  void touch(std::byte* data, std::int64_t bytes);

  InstructionSet instruction_set_;
  std::filesystem::path system_root_;
  ThreadPool pool_;
};

// Launching on a CPU stream runs the kernel before the call returns.
class CpuStream final : public Stream {
 public:
  CpuStream(CpuDevice& device, ThreadPool& pool) : Stream(device), pool_(pool) {}
  ThreadPool& pool() const { return pool_; }

  void upload(std::byte* to, const void* from, std::int64_t bytes) override;
  void download(void* to, const std::byte* from, std::int64_t bytes) override;
  void copy(std::byte* to, const std::byte* from, std::int64_t bytes) override;
  void set_zero(std::byte* data, std::int64_t bytes) override;
  void synchronize() override {}
  void note_operator(std::string_view name) override { ++device().ledger().launches[name]; }

 private:
  ThreadPool& pool_;
};

// For the bodies of CPU kernels: their table is only ever bound to a CpuDevice.
inline ThreadPool& cpu_pool(Stream& stream) {
  return static_cast<CpuStream&>(stream).pool();
}

}  // namespace hearth
