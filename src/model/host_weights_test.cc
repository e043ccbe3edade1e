// Experts' weights on their way to the device: each layer reads its own, in steps that are launched and in recorded
// ones, though two slots serve five layers.
#include "model/host_weights.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "kernels/testing/runner.h"

namespace hearth {
namespace {

constexpr std::int64_t kGroups = 5, kExperts = 4, kUsed = 2, kExpertBytes = 512, kGroupBytes = kExperts * kExpertBytes;

class HostWeightsTest : public testing::TestWithParam<int> {
 protected:
  GpuDevice& gpu() { return kernel_testing::test_gpu(GetParam()); }

  // Group g is of bytes 1 + g.
  void reserve(HostWeights& weights) {
    for (std::int64_t g = 0; g < kGroups; ++g) {
      EXPECT_EQ(weights.begin_group(kExperts, kUsed), g);
      const auto fill = [g](std::int64_t begin, std::int64_t end, std::byte* out) {
        std::fill_n(out, (end - begin) * kExpertBytes, static_cast<std::byte>(1 + g));
      };
      EXPECT_EQ(weights.reserve(kGroupBytes, kExpertBytes, fill), 0);
    }
  }

  static void run_step(HostWeights& weights, GpuStream& stream, std::byte* out) {
    weights.begin_step(stream, 3);
    for (std::int64_t g = 0; g < kGroups; ++g) {
      stream.copy(out + g * kGroupBytes, weights.enter(stream, g), kGroupBytes);
      weights.leave(stream, g);
    }
  }

  static void expect_all(GpuStream& stream, std::byte* out) {
    std::vector<std::byte> read(kGroups * kGroupBytes);
    stream.download(read.data(), out, std::ssize(read));
    stream.set_zero(out, std::ssize(read));
    stream.synchronize();
    for (std::int64_t g = 0; g < kGroups; ++g) {
      const auto* begin = read.data() + g * kGroupBytes;
      EXPECT_EQ(std::count(begin, begin + kGroupBytes, static_cast<std::byte>(1 + g)), kGroupBytes) << g;
    }
  }
};
INSTANTIATE_TEST_SUITE_P(Gpus, HostWeightsTest, testing::ValuesIn(kernel_testing::whole_model_gpus()),
                         [](const auto& test) {
                           return kernel_testing::test_gpu_names()[static_cast<std::size_t>(test.param)];
                         });

TEST_P(HostWeightsTest, EveryLayerReadsItsOwn) {
  HostWeights weights(3);
  reserve(weights);
  EXPECT_EQ(weights.bytes(), kGroups * kGroupBytes);
  EXPECT_EQ(weights.slots_bytes(), 2 * kGroupBytes);
  Buffer slots = gpu().allocate(weights.slots_bytes(), "slots"), out = gpu().allocate(weights.bytes(), "copies");
  weights.load(gpu(), slots.data(), {});
  GpuStream stream(gpu());
  const std::int64_t before = gpu().ledger().host_to_device_bytes;
  run_step(weights, stream, out.data());
  expect_all(stream, out.data());
  EXPECT_EQ(gpu().ledger().host_to_device_bytes - before, weights.bytes());

  stream.begin_capture();
  run_step(weights, stream, out.data());
  const GpuGraph graph = stream.end_capture();
  EXPECT_EQ(gpu().ledger().host_to_device_bytes - before, weights.bytes());
  for (int i = 0; i < 2; ++i) {
    stream.replay(graph);
    expect_all(stream, out.data());
  }
  run_step(weights, stream, out.data());
  expect_all(stream, out.data());
  EXPECT_EQ(gpu().ledger().host_to_device_bytes - before, 4 * weights.bytes());
}

TEST_P(HostWeightsTest, FewTokensReadThemWhereTheyAre) {
  HostWeights weights(2);
  reserve(weights);
  EXPECT_EQ(weights.slots_bytes(), 0);
  EXPECT_TRUE(weights.reads_in_place(0, 2));
  EXPECT_FALSE(weights.reads_in_place(0, 3));
  weights.load(gpu(), nullptr, {});
  GpuStream stream(gpu());
  const std::int64_t before = gpu().ledger().host_to_device_bytes;
  weights.begin_step(stream, 2);
  for (std::int64_t g = 0; g < kGroups; ++g) {
    const std::byte* begin = weights.enter(stream, g);
    EXPECT_EQ(std::count(begin, begin + kGroupBytes, static_cast<std::byte>(1 + g)), kGroupBytes) << g;
    weights.leave(stream, g);
  }
  EXPECT_EQ(gpu().ledger().host_to_device_bytes, before);
}

}  // namespace
}  // namespace hearth
