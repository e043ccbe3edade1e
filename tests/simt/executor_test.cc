// The executor: barriers, waves of 32 and 64, shared memory, the matrix unit of each imitated GPU; what it must refuse;
// and the driver over it.
#include "simt/executor.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "device/gpu/gpu_device.h"
#include "formats/float16.h"
#include "kernels/gpu/gpu_launch.h"
#include "kernels/residual_add/residual_add_gpu.h"
#include "simt/executor_test_kernels.h"
#include "simt/simt_driver.h"

namespace hearth {
namespace {

class ExecutorTest : public ::testing::TestWithParam<int> {
 protected:
  const simt::ImitatedGpu& gpu_ = simt::imitated_gpus()[static_cast<std::size_t>(GetParam())];

  template <class Params>
  void run(const char* name, const unsigned (&grid)[3], const Params& params) {
    const simt::SimtKernel* kernel = simt::find_kernel(gpu_.name, name);
    ASSERT_NE(kernel, nullptr) << name;
    ASSERT_EQ(kernel->params_bytes, sizeof(Params));
    EXPECT_EQ(kernel->wave_size, gpu_.wave_size);
    simt::run_grid(*kernel, grid, &params);
  }

  static std::vector<float> ascending(std::size_t count) {
    std::vector<float> values(count);
    std::iota(values.begin(), values.end(), 1.0f);
    return values;
  }
};
INSTANTIATE_TEST_SUITE_P(Gpus, ExecutorTest, ::testing::Range(0, simt::kImitatedGpuCount),
                         [](const ::testing::TestParamInfo<int>& test) {
                           return std::string(simt::imitated_gpus()[static_cast<std::size_t>(test.param)].name);
                         });

TEST_P(ExecutorTest, EveryThreadOfEveryBlockRunsOnce) {
  std::vector<float> out(5 * 3 * 2 * 64);
  const std::int64_t before = simt::switch_count();
  run("test_indices", {5, 3, 2}, TestParams{nullptr, out.data()});
  for (std::size_t i = 0; i < out.size(); ++i) ASSERT_EQ(out[i], static_cast<float>(i));
  EXPECT_EQ(simt::switch_count() - before, 2 * 30) << "a block without barriers is one switch in and one out";
}

TEST_P(ExecutorTest, Barrier) {
  const std::vector<float> in = ascending(3 * 128);
  std::vector<float> out(3 * 2 * 128, -1.0f);
  run("test_barrier", {3, 1, 1}, TestParams{in.data(), out.data()});
  for (std::size_t block = 0; block < 3; ++block) {
    for (std::size_t round = 0; round < 2; ++round) {
      for (std::size_t i = 0; i < 128; ++i) {
        ASSERT_EQ(out[(block * 2 + round) * 128 + i], in[block * 128 + 127 - i] + static_cast<float>(round));
      }
    }
  }
}

TEST_P(ExecutorTest, AMissingBarrierShowsInOneOrderOfTheThreads) {
  const std::vector<float> in = ascending(128);
  std::vector<float> out(2 * 128);
  run("test_missing_barrier", {2, 1, 1}, TestParams{in.data(), out.data()});
  for (std::size_t i = 0; i < 128; ++i) EXPECT_NE(std::isnan(out[i]), std::isnan(out[128 + i])) << i;
}

TEST_P(ExecutorTest, SharedMemoryStartsAsNanInEveryBlock) {
  std::vector<float> out(3 * 128);
  run("test_shared_pattern", {3, 1, 1}, TestParams{nullptr, out.data()});
  for (const float value : out) ASSERT_TRUE(std::isnan(value));
}

TEST_P(ExecutorTest, WaveOperations) {
  const auto wave = static_cast<std::size_t>(gpu_.wave_size);
  const std::vector<float> in = ascending(128);
  std::vector<float> out(5 * 128, -1.0f);
  run("test_wave", {1, 1, 1}, TestParams{in.data(), out.data()});
  for (std::size_t i = 0; i < 128; ++i) {
    const std::size_t begin = i / wave * wave, lane = i % wave;
    EXPECT_EQ(out[i], in[begin + (lane + i / wave + 1) % wave]) << i;
    EXPECT_EQ(out[128 + i], in[begin + (lane ^ 5)]) << i;
    EXPECT_EQ(out[256 + i], i % 2 == 1 && i < 96 ? 1.0f : 0.0f) << i;
    EXPECT_EQ(out[384 + i], std::accumulate(in.begin() + static_cast<std::ptrdiff_t>(begin),
                                            in.begin() + static_cast<std::ptrdiff_t>(begin + wave), 0.0f))
        << i;
    EXPECT_EQ(out[512 + i], in[begin + wave - 1]) << i;
  }
}

TEST_P(ExecutorTest, MatrixUnit) {
  std::mt19937 generator(7);
  std::normal_distribution<float> distribution;
  std::vector<std::uint16_t> a(16 * 16), b(16 * 16);
  for (std::uint16_t& value : a) value = f32_to_bf16(distribution(generator));
  for (std::uint16_t& value : b) value = f32_to_bf16(distribution(generator));
  std::vector<float> out(16 * 16, -1.0f);
  std::int32_t column_count = 0;
  run("test_mma", {1, 1, 1}, TestMmaParams{a.data(), b.data(), out.data(), &column_count});
  ASSERT_EQ(column_count, GetParam() == 0 ? 8 : 16);
  for (std::size_t row = 0; row < 16; ++row) {
    for (std::size_t column = 0; column < 16; ++column) {
      double expected = 1;
      for (std::size_t k = 0; k < 16; ++k) {
        expected += static_cast<double>(bf16_to_f32(a[row * 16 + k])) * bf16_to_f32(b[column * 16 + k]);
      }
      const bool is_written = column < static_cast<std::size_t>(column_count);
      EXPECT_NEAR(out[row * 16 + column], is_written ? expected : -1, 1e-5) << row << ", " << column;
    }
  }
}

TEST_P(ExecutorTest, ManySwitches) {
  const std::vector<float> in = ascending(256);
  std::vector<float> out(256);
  const std::int64_t before = simt::switch_count();
  run("test_many_switches", {8, 1, 1}, TestParams{in.data(), out.data()});
  for (std::size_t i = 0; i < 256; ++i) ASSERT_EQ(out[i], in[i] + 200);
  RecordProperty("switches", static_cast<int>(simt::switch_count() - before));
}

class ExecutorDeathTest : public ExecutorTest {};
INSTANTIATE_TEST_SUITE_P(Gpus, ExecutorDeathTest, ::testing::Range(0, simt::kImitatedGpuCount));

TEST_P(ExecutorDeathTest, ADivergentBarrierEndsTheProgram) {
  EXPECT_DEATH(run("test_divergent_barrier", {1, 1, 1}, TestParams{}),
               "kernel test_divergent_barrier, block .0, 0, 0.*\n.*at the block's barrier: 0-99\n.*returned: 100-127");
}

TEST_P(ExecutorDeathTest, ADivergentWaveEndsTheProgram) {
  EXPECT_DEATH(run("test_divergent_wave", {1, 1, 1}, TestParams{}),
               "kernel test_divergent_wave.*no thread can go on:(.|\n)*at an operation of their wave: 0-2");
}

TEST_P(ExecutorDeathTest, LanesAtDifferentOperationsEndTheProgram) {
  EXPECT_DEATH(run("test_disagreeing_wave", {1, 1, 1}, TestParams{}), "different operations");
}

#if defined(HEARTH_ASAN)
TEST_P(ExecutorDeathTest, TheEndOfSharedMemoryIsGuarded) {
  const std::vector<float> in = ascending(64);
  EXPECT_DEATH(run("test_beyond_shared", {1, 1, 1}, TestParams{in.data(), nullptr}), "heap-buffer-overflow");
}
#endif

class SimtDriverTest : public ExecutorTest {
 protected:
  GpuDevice device_{simt_driver(), GetParam(), simt_code()};

  void add(GpuStream& stream, Buffer& x, Buffer& delta, std::int64_t count) {
    launch(stream, GpuKernel::residual_add, {ceil_divide(count, kResidualAddThreads)}, kResidualAddThreads,
           ResidualAddParams{reinterpret_cast<float*>(x.data()), reinterpret_cast<const float*>(delta.data()), count});
  }
};
INSTANTIATE_TEST_SUITE_P(Gpus, SimtDriverTest, ::testing::Range(0, kSimtDeviceCount));

TEST_P(SimtDriverTest, WorkIsDoneWhenItIsWaitedFor) {
  GpuStream stream(device_);
  Buffer x = device_.allocate(400, "x");
  const std::vector<float> in = ascending(100);
  std::vector<float> out(100, -1.0f);
  simt_reset_counts();
  stream.upload(x.data(), in.data(), 400);
  stream.download(out.data(), x.data(), 400);
  EXPECT_EQ(out[0], -1.0f);
  stream.synchronize();
  EXPECT_EQ(out, in);
  EXPECT_EQ(simt_counts().copies_to_device, 1);
  EXPECT_EQ(simt_counts().copies_to_host, 1);
  EXPECT_EQ(simt_counts().bytes_to_host, 400);
}

TEST_P(SimtDriverTest, AGraphRepeatsWhatItRecorded) {
  GpuStream stream(device_);
  Buffer x = device_.allocate(400, "x"), delta = device_.allocate(400, "delta");
  const std::vector<float> ones(100, 1.0f);
  std::vector<float> out(100);
  stream.upload(delta.data(), ones.data(), 400);
  stream.synchronize();
  stream.begin_capture();
  add(stream, x, delta, 100);
  add(stream, x, delta, 50);
  const GpuGraph graph = stream.end_capture();
  for (int i = 0; i < 3; ++i) stream.replay(graph);
  stream.download(out.data(), x.data(), 400);
  stream.synchronize();
  EXPECT_EQ(out[49], 6.0f);
  EXPECT_EQ(out[50], 3.0f);
  EXPECT_EQ(device_.ledger().launches.at("residual_add"), 6);
}

TEST_P(SimtDriverTest, ADisabledKernelDoesNothing) {
  GpuStream stream(device_);
  Buffer x = device_.allocate(400, "x"), delta = device_.allocate(400, "delta");
  const std::vector<float> ones(100, 1.0f);
  std::vector<float> out(100, -1.0f);
  stream.upload(delta.data(), ones.data(), 400);
  simt_disable_kernel("residual_add");
  add(stream, x, delta, 100);
  stream.synchronize();
  simt_enable_all_kernels();
  stream.download(out.data(), x.data(), 400);
  stream.synchronize();
  EXPECT_EQ(out, std::vector<float>(100, 0.0f));
}

TEST_P(SimtDriverTest, AWrongNumberOfThreadsIsAnError) {
  GpuStream stream(device_);
  EXPECT_ANY_THROW(launch(stream, GpuKernel::residual_add, {1}, kResidualAddThreads / 2, ResidualAddParams{}));
}

TEST_P(SimtDriverTest, MemoryBesideABufferIsRefused) {
  GpuStream stream(device_);
  Buffer x = device_.allocate(400, "x");
  std::vector<float> out(101);
  EXPECT_ANY_THROW(stream.download(out.data(), x.data(), 404));
  EXPECT_ANY_THROW(stream.upload(reinterpret_cast<std::byte*>(out.data()), out.data(), 4));
}

#if defined(HEARTH_ASAN)
class SimtDriverDeathTest : public SimtDriverTest {};
INSTANTIATE_TEST_SUITE_P(Gpus, SimtDriverDeathTest, ::testing::Values(0));

TEST_P(SimtDriverDeathTest, TheHostDoesNotTouchDeviceMemory) {
  Buffer x = device_.allocate(400, "x");
  EXPECT_DEATH(x.data()[0] = std::byte{1}, "use-after-poison");
}

TEST_P(SimtDriverDeathTest, AKernelDoesNotTouchMemoryBesideABuffer) {
  Buffer x = device_.allocate(400, "x"), delta = device_.allocate(400, "delta");
  const auto add_too_many = [&] {
    GpuStream stream(device_);
    add(stream, x, delta, 101);
    stream.synchronize();
  };
  EXPECT_DEATH(add_too_many(), "heap-buffer-overflow");
}
#endif

}  // namespace
}  // namespace hearth
