// Where the operators' tests run: every instruction set of the CPU, and every GPU of gpu_setups.h; and the Runner that
// makes one test serve for all of them. residual_add_test.cc is the shortest example: its fixture derives from
// KernelTest and is instantiated with HEARTH_INSTANTIATE_FOR_DEVICES; pointers in a kernel's arguments are run.in(x)
// for what it reads and run.out(y) for what it writes (or both), whatever struct they stand in; after run.finish(), y
// has the result. Shapes come from run.token_counts() or run.tokens(n), which are smaller on an imitated GPU.
//
// On a GPU in() and out() are copies (device_run.h) of exactly as many bytes: the imitated GPUs' memory is under
// AddressSanitizer, a real GPU's copies are followed by a guard that finish() looks at.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <ostream>
#include <span>
#include <string>
#include <vector>

#include "device/cpu/cpu_device.h"
#include "kernels/cpu/cpu_kernels.h"
#include "kernels/gpu/gpu_table.h"
#include "kernels/testing/device_run.h"
#include "kernels/testing/gpu_setups.h"

namespace hearth::kernel_testing {

// One way to run the CPU's kernels.
struct CpuSetup {
  InstructionSet set;
  int thread_count;
};
inline constexpr int kThreadCounts[] = {1, 3};

inline std::vector<CpuSetup> cpu_setups() {
  std::vector<CpuSetup> setups;
  for (const InstructionSet set : usable_instruction_sets()) {
    for (const int thread_count : kThreadCounts) setups.push_back({set, thread_count});
  }
  return setups;
}

inline std::string to_string(const CpuSetup& setup) {
  return std::string(hearth::to_string(setup.set)) + "_" + std::to_string(setup.thread_count) + "_threads";
}

inline std::string name_of_setup(const ::testing::TestParamInfo<CpuSetup>& test) {
  return to_string(test.param);
}

// One way to run any device's kernels.
struct Setup {
  CpuSetup cpu{InstructionSet::kPortable, 1};
  int gpu_index = -1;                // of test_gpu(); negative: the CPU
  Compute compute = Compute::kBf16;  // which of a GPU's tables
  std::string name;

  Setup() = default;
  explicit Setup(const CpuSetup& setup) : cpu(setup), name(to_string(setup)) {}
  Setup(int index, Compute table, std::string gpu_name)
      : gpu_index(index), compute(table), name(std::move(gpu_name) + (table == Compute::kF32 ? "_f32" : "")) {}

  bool is_gpu() const { return gpu_index >= 0; }
  friend std::ostream& operator<<(std::ostream& out, const Setup& setup) { return out << setup.name; }
};

// The CPU's, where this program tests it, and the GPUs', each with the tables that are named.
inline std::vector<Setup> device_setups(std::initializer_list<Compute> tables = {Compute::kBf16}) {
  std::vector<Setup> setups;
  if (tests_run_on_cpu()) {
    for (const CpuSetup& setup : cpu_setups()) setups.emplace_back(setup);
  }
  const std::vector<std::string> names = test_gpu_names();
  for (std::size_t i = 0; i < names.size(); ++i) {
    for (const Compute table : tables) setups.emplace_back(static_cast<int>(i), table, names[i]);
  }
  return setups;
}

inline std::string name_of_device(const ::testing::TestParamInfo<Setup>& test) {
  return test.param.name;
}

// Numbers of tokens that the operators are tested with, and those of them for a GPU that is imitated thread by thread.
inline constexpr std::int64_t kTokenCounts[] = {1, 7, 33, 129};
inline constexpr std::int64_t kFewTokenCounts[] = {1, 7, 33};

// A device, a stream and the kernels of one setup.
class Runner : public DeviceRun {
 public:
  explicit Runner(const Setup& setup)
      : DeviceRun(setup.is_gpu() ? nullptr : std::make_unique<CpuDevice>(setup.cpu.thread_count, setup.cpu.set),
                  setup.is_gpu() ? &test_gpu(setup.gpu_index) : nullptr,
                  !setup.is_gpu()                  ? cpu_kernels(setup.cpu.set)
                  : setup.compute == Compute::kF32 ? gpu_kernels_f32()
                                                   : gpu_kernels_bf16()),
        setup_(setup) {
    if (is_gpu() && device.id().kind != DeviceKind::kSimt) guard_bytes_ = 256;
  }

  // Shapes should be small: an imitated GPU takes some 100 ns for a thread's step from one barrier or shuffle to the
  // next.
  bool is_slow() const { return is_gpu() && test_gpus_are_slow(); }
  Compute compute() const { return setup_.compute; }
  std::span<const std::int64_t> token_counts() const {
    return is_slow() ? std::span<const std::int64_t>(kFewTokenCounts) : std::span<const std::int64_t>(kTokenCounts);
  }
  // `count`, or on a slow device at most `few`.
  std::int64_t tokens(std::int64_t count, std::int64_t few = 33) const {
    return is_slow() ? std::min(count, few) : count;
  }

  // Waits for what was launched, brings back what out() named, and frees all copies.
  void finish() {
    for (const Copy& c : bring_back()) expect_guard(c);
  }

 private:
  void expect_guard(const Copy& c) {
    std::vector<std::byte> guard(static_cast<std::size_t>(guard_bytes_), kGuard);
    if (guard.empty()) return;
    stream->download(guard.data(), c.buffer.data() + c.bytes, std::ssize(guard));
    stream->synchronize();
    for (std::size_t i = 0; i < guard.size(); ++i) {
      ASSERT_EQ(guard[i], kGuard) << "a kernel wrote " << i << " bytes behind an array of " << c.bytes;
    }
  }

  Setup setup_;
};

// On the CPU alone, where host pointers are device pointers.
struct CpuRunner : Runner {
  explicit CpuRunner(const CpuSetup& setup) : Runner(Setup(setup)) {}
};

// A fixture that runs once for every setup: TEST_P(RmsNormTest, …) uses run.stream and run.kernels, and compares with
// what one thread computes with the same instruction set.
class CpuKernelTest : public ::testing::TestWithParam<CpuSetup> {
 protected:
  CpuRunner run{GetParam()};
  CpuRunner one_thread{CpuSetup{GetParam().set, 1}};
};

// The same for every device. `again` must give the same bits: one thread of the CPU, or the same GPU a second time
// (where it is imitated, the threads of a block then run in another order).
class KernelTest : public ::testing::TestWithParam<Setup> {
 protected:
  Runner run{GetParam()};
  Runner again{GetParam().is_gpu() ? GetParam() : kernel_testing::Setup(CpuSetup{GetParam().cpu.set, 1})};
};

#define HEARTH_INSTANTIATE_FOR_CPU(fixture)                                                           \
  INSTANTIATE_TEST_SUITE_P(Cpu, fixture, ::testing::ValuesIn(::hearth::kernel_testing::cpu_setups()), \
                           ::hearth::kernel_testing::name_of_setup)

// For a fixture that derives from KernelTest: the CPU's setups and the GPUs' with their bf16 table.
#define HEARTH_INSTANTIATE_FOR_DEVICES(fixture)                                                              \
  INSTANTIATE_TEST_SUITE_P(Devices, fixture, ::testing::ValuesIn(::hearth::kernel_testing::device_setups()), \
                           ::hearth::kernel_testing::name_of_device)

// The same with both tables, for an operator whose kernel they choose.
#define HEARTH_INSTANTIATE_FOR_DEVICES_AND_TABLES(fixture)                              \
  INSTANTIATE_TEST_SUITE_P(Devices, fixture,                                            \
                           ::testing::ValuesIn(::hearth::kernel_testing::device_setups( \
                               {::hearth::Compute::kBf16, ::hearth::Compute::kF32})),   \
                           ::hearth::kernel_testing::name_of_device)

}  // namespace hearth::kernel_testing
