// Encoders against what transformers computed (../shared/fixtures/hf2), on the CPU and every GPU that the tests have.
#include <gtest/gtest.h>

#include "engine/testing/tiny_bert.h"
#include "kernels/testing/runner.h"
#include "model/testing/fixture.h"

namespace hearth::engine_testing {
namespace {

using model_testing::read_file;

class SharedEncoder : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    path_ = std::filesystem::path(HEARTH_SHARED_DIR) / "fixtures/hf2" / GetParam();
    tokens_ = boost::json::value_to<Tokens>(boost::json::parse(read_file(path_ / "tokens.json")).at("prompt"));
    const std::string npy = read_file(path_ / "states.npy");
    constexpr std::size_t kHeaderBytes = 128;
    expected_ = model_testing::floats_of(std::string_view(npy).substr(kHeaderBytes));
  }
  double error(Device& device, ComputeMode compute) const {
    return model_testing::relative_error(states_of(path_, device, {tokens_}, {.compute = compute}).at(0), expected_);
  }

  std::filesystem::path path_;
  Tokens tokens_;
  std::vector<float> expected_;
};
INSTANTIATE_TEST_SUITE_P(Fixtures, SharedEncoder,
                         testing::Values("bert", "xlm_roberta", "modernbert", "gemma3-embedding"),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST_P(SharedEncoder, AgreesOnTheCpu) {
  for (const InstructionSet set : usable_instruction_sets()) {
    CpuDevice device(2, set);
    EXPECT_LT(error(device, ComputeMode::kF32), 1e-4);
    EXPECT_LT(error(device, ComputeMode::kBf16), 3e-2);
  }
}

TEST_P(SharedEncoder, AgreesOnGpus) {
  for (const int gpu : kernel_testing::whole_model_gpus()) {
    EXPECT_LT(error(kernel_testing::test_gpu(gpu), ComputeMode::kF32), 1e-4);
    EXPECT_LT(error(kernel_testing::test_gpu(gpu), ComputeMode::kBf16), 3e-2);
  }
}

}  // namespace
}  // namespace hearth::engine_testing
