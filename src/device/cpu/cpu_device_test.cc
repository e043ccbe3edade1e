// The CPU as a device: which instruction sets a processor gets, and memory that is there once it was allocated.
#include "device/cpu/cpu_device.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "device/arena.h"

namespace hearth {
namespace {

TEST(CpuDevice, Avx2NeedsAllThatItsCodeIsCompiledFor) {
  constexpr CpuFeatures kAll{.avx2 = true, .fma = true, .f16c = true, .bmi = true, .bmi2 = true};
  EXPECT_EQ(instruction_sets_for(kAll).back(), InstructionSet::kAvx2);
  for (bool CpuFeatures::*const feature :
       {&CpuFeatures::avx2, &CpuFeatures::fma, &CpuFeatures::f16c, &CpuFeatures::bmi, &CpuFeatures::bmi2}) {
    CpuFeatures features = kAll;
    features.*feature = false;  // as hypervisors mask them
    EXPECT_EQ(instruction_sets_for(features).back(), InstructionSet::kPortable);
  }
}

TEST(CpuDevice, EveryPageOfAnArenaIsThere) {
  CpuDevice device(2);
  constexpr std::int64_t kBytes = (64 << 20) + 4096;
  Arena arena(device, kBytes, "memory");
  std::byte* const data = arena.take(kBytes);
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  std::vector<unsigned char> resident((kBytes + page - 1) / page);
  ASSERT_EQ(::mincore(data, kBytes, resident.data()), 0);
  EXPECT_TRUE(std::all_of(resident.begin(), resident.end(), [](unsigned char state) { return (state & 1) != 0; }));
  EXPECT_TRUE(std::all_of(data, data + kBytes, [](std::byte byte) { return byte == std::byte{0}; }));
}

}  // namespace
}  // namespace hearth
