// The tests of tests: with a kernel that does nothing, and with a copy to the host that nobody asked for, the checks of
// whole models go red.
#include <gtest/gtest-spi.h>
#include <unistd.h>

#include <fstream>
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
                                  {"gemma3n", true}}) {
    const Fixture fixture(name);
    const auto check = [&] { f32 ? check_float32(gpu, fixture) : check_bf16(gpu, fixture); };
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

// A copy of the LFM2 checkpoint whose short convolutions weigh as much as the rest: the fixture's are as they were
// initialized, and change no logit by as much as 1e-4.
class StrongConvolutions {
 public:
  StrongConvolutions() : path_(fs::temp_directory_path() / ("hearth_strong_" + std::to_string(::getpid()))) {
    const fs::path from = data_folder() / "hf/lfm2";
    fs::create_directory(path_);
    fs::copy_file(from / "config.json", path_ / "config.json");
    std::string file = read_file(from / "model.safetensors");
    std::uint64_t head_bytes = 0;
    std::memcpy(&head_bytes, file.data(), sizeof head_bytes);
    const std::size_t begin = sizeof head_bytes + head_bytes;
    const boost::json::value head = boost::json::parse(std::string_view(file).substr(sizeof head_bytes, head_bytes));
    for (const auto& item : head.as_object()) {
      if (item.key().find(".conv.") == std::string_view::npos) continue;
      const auto range = boost::json::value_to<std::vector<std::size_t>>(item.value().at("data_offsets"));
      for (std::size_t at = begin + range[0]; at < begin + range[1]; at += sizeof(float)) {
        float value = 0;
        std::memcpy(&value, file.data() + at, sizeof value);
        value *= 10;
        std::memcpy(file.data() + at, &value, sizeof value);
      }
    }
    std::ofstream(path_ / "model.safetensors", std::ios::binary) << file;
  }
  ~StrongConvolutions() { fs::remove_all(path_); }
  StrongConvolutions(const StrongConvolutions&) = delete;
  StrongConvolutions& operator=(const StrongConvolutions&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

// Against the CPU, in chunks: what a step leaves to the next counts.
TEST(GpuMutation, AConvolutionThatDoesNothingIsNoticed) {
  const StrongConvolutions model;
  const std::vector<std::int32_t> tokens = Fixture("lfm2").prompt;
  const auto logits_on = [&](Device& device) {
    return Model(model.path(), device, ComputeMode::kF32, std::ssize(tokens), 16).logits(tokens);
  };
  CpuDevice cpu(1, usable_instruction_sets().back());
  const std::vector<float> expected = logits_on(cpu);
  const auto check = [&] { EXPECT_LT(relative_error(logits_on(test_gpu(0)), expected), 1e-4); };
  EXPECT_FALSE(goes_red(check));
  for (const char* kernel : {"causal_conv", "causal_conv_keep"}) {
    simt_disable_kernel(kernel);
    EXPECT_TRUE(goes_red(check)) << kernel << " did nothing, and nobody noticed";
    simt_enable_all_kernels();
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
