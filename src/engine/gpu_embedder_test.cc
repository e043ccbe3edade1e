// Encoders on every GPU that the tests have: a tiny BERT against its paper, and a text's states alone and in company.
#include <gtest/gtest.h>

#include "engine/testing/tiny_bert.h"
#include "kernels/testing/runner.h"
#include "model/testing/fixture.h"

namespace hearth::engine_testing {
namespace {

class GpuEmbedderTest : public testing::TestWithParam<int> {
 protected:
  GpuDevice& gpu() { return kernel_testing::test_gpu(GetParam()); }
};
INSTANTIATE_TEST_SUITE_P(Gpus, GpuEmbedderTest, testing::ValuesIn(kernel_testing::whole_model_gpus()),
                         [](const auto& test) {
                           return kernel_testing::test_gpu_names()[static_cast<std::size_t>(test.param)];
                         });

TEST_P(GpuEmbedderTest, IsWhatThePaperSays) {
  const TinyBert model;
  const Tokens text = some_text(4, 21);
  const std::vector<double> expected = model.states(text);
  const std::vector<float> rounded(expected.begin(), expected.end());
  const auto error = [&](ComputeMode compute) {
    const auto states = states_of(model.path(), gpu(), {text}, {.compute = compute});
    return model_testing::relative_error(states.at(0), rounded);
  };
  EXPECT_LT(error(ComputeMode::kF32), 1e-4);
  EXPECT_LT(error(ComputeMode::kBf16), 3e-2);
}

// Biases by distance are in kernels of their own there.
TEST_P(GpuEmbedderTest, MpnetIsWhatItIsOnTheCpu) {
  const std::filesystem::path folder = model_testing::data_folder() / "hf/mpnet";
  Tokens text(50);
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<std::int32_t>(i * i % 40);
  EmbedderRun run{.compute = ComputeMode::kF32, .step_tokens = 64};
  CpuDevice cpu(2);
  const std::vector<float> expected = states_of(folder, cpu, {text}, run).at(0);
  EXPECT_LT(model_testing::relative_error(states_of(folder, gpu(), {text}, run).at(0), expected), 1e-5);
  run.compute = ComputeMode::kBf16;
  EXPECT_LT(model_testing::relative_error(states_of(folder, gpu(), {text}, run).at(0), expected), 3e-2);
}

TEST_P(GpuEmbedderTest, PairsHaveTwoTypesOfTokens) {
  const TinyBert model;
  const std::vector<Tokens> texts{some_text(3, 12), some_text(4, 9)};
  const EmbedderRun f32{.compute = ComputeMode::kF32};
  const auto together = states_of(model.path(), gpu(), texts, f32, {5, 0});
  EXPECT_EQ(states_of(model.path(), gpu(), {texts[0]}, f32, {5}).at(0), together[0]);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const auto expected = model.states(texts[i], i == 0 ? 5 : 0);
    EXPECT_LT(model_testing::relative_error(together[i], std::vector<float>(expected.begin(), expected.end())), 1e-4);
  }
}

TEST_P(GpuEmbedderTest, CompanyChangesNoBit) {
  const TinyBert model;
  std::vector<Tokens> texts;
  for (const int length : {5, 33, 1, 20}) texts.push_back(some_text(length, length));
  for (const ComputeMode compute : {ComputeMode::kF32, ComputeMode::kBf16}) {
    std::vector<std::vector<float>> alone;
    for (const Tokens& text : texts)
      alone.push_back(states_of(model.path(), gpu(), {text}, {.compute = compute}).at(0));
    EXPECT_EQ(states_of(model.path(), gpu(), texts, {.compute = compute}), alone);
  }
}

}  // namespace
}  // namespace hearth::engine_testing
