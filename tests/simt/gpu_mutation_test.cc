// The tests of tests: with a kernel that does nothing, and with a copy to the host that nobody asked for, the checks of
// whole models go red.
#include <gtest/gtest-spi.h>

#include <set>
#include <utility>

#include "model/testing/gpu_model.h"
#include "simt/simt_driver.h"

namespace hearth::model_testing {
namespace {

// Whether a check reports a failure.
template <class Check>
bool goes_red(Check check) {
  testing::TestPartResultArray results;
  {
    testing::ScopedFakeTestPartResultReporter reporter(testing::ScopedFakeTestPartResultReporter::INTERCEPT_ALL_THREADS,
                                                       &results);
    check();
  }
  for (int i = 0; i < results.size(); ++i) {
    if (results.GetTestPartResult(i).failed()) return true;
  }
  return false;
}

TEST(GpuMutation, AKernelThatDoesNothingIsNoticed) {
  GpuDevice& gpu = test_gpu(0);
  std::set<std::string> seen;
  for (const auto& [name, f32] : {std::pair{"llama3-rope", true},
                                  {"llama3-rope", false},
                                  {"qwen2_moe", true},
                                  {"qwen2_moe", false},
                                  {"lfm2", true}}) {
    const Fixture fixture(name);
    // What one step leaves to the next shows in chunks.
    const std::int64_t chunk = name == std::string_view("lfm2") ? 16 : 512;
    const auto check = [&] { f32 ? check_float32(gpu, fixture, chunk) : check_bf16(gpu, fixture); };
    const Ledger before = gpu.ledger();
    ASSERT_FALSE(goes_red(check));
    const auto kernels = launches_since(before, gpu.ledger());
    EXPECT_GE(kernels.size(), 6u);
    for (const auto& [kernel, count] : kernels) {
      if (!seen.insert(kernel).second) continue;
      simt_disable_kernel(kernel);
      EXPECT_TRUE(goes_red(check)) << kernel << " did nothing, and nobody noticed";
      simt_enable_all_kernels();
    }
  }
}

TEST(GpuMutation, ACopyToTheHostIsNoticed) {
  GpuDevice& gpu = test_gpu(0);
  const Fixture fixture("llama3-rope");
  Model model(fixture.path, gpu, ComputeMode::kAuto, fixture.context(), 64);
  model.record_decode_steps();
  EXPECT_FALSE(goes_red([&] { check_ledger(gpu, model, fixture); }));
  model.pass().observe([&](std::int64_t, const float* x, const float*) {
    float value = 0;
    model.stream().download(&value, reinterpret_cast<const std::byte*>(x), sizeof value);
    model.stream().synchronize();
  });
  EXPECT_TRUE(goes_red([&] { check_ledger(gpu, model, fixture); }));
}

}  // namespace
}  // namespace hearth::model_testing
