// Models of ../shared/fixtures that are too large for tests/data, on every imitated GPU: logits against what an
// independent implementation computed, and law 2 to the bit.
#include "model/testing/gpu_model.h"

namespace hearth::model_testing {
namespace {

class SharedModelTest : public testing::TestWithParam<int> {
 protected:
  GpuDevice& gpu() { return test_gpu(GetParam()); }
  static std::vector<Fixture> fixtures() {
    const fs::path folder = fs::path(HEARTH_SHARED_DIR) / "fixtures";
    return {{folder / "hf", "gpt_oss"},
            {folder / "hf2", "phimoe"},
            {folder / "hf2", "deepseek_v3"},
            {folder / "hf2", "gemma4_text"}};
  }
};
INSTANTIATE_TEST_SUITE_P(Gpus, SharedModelTest, testing::ValuesIn(kernel_testing::whole_model_gpus()),
                         [](const auto& test) { return test_gpu_names()[static_cast<std::size_t>(test.param)]; });

TEST_P(SharedModelTest, AgreesInFloat32AndBf16) {
  for (const Fixture& fixture : fixtures()) {
    SCOPED_TRACE(fixture.path);
    check_float32(gpu(), fixture);
    // Gemma 4's logits differ by 5 % when nothing but the weights is rounded.
    check_bf16(gpu(), fixture, fs::path(fixture.path).filename() == "gemma4_text" ? 1e-1 : 3e-2);
  }
}

// Kimi Linear.
TEST_P(SharedModelTest, AGgufFileAgrees) {
  const fs::path stem = fs::path(HEARTH_SHARED_DIR) / "fixtures/gguf/kimi-linear-moe";
  const boost::json::value content = boost::json::parse(read_file(stem.string() + ".json"));
  const auto tokens = boost::json::value_to<std::vector<std::int32_t>>(content.at("tokens"));
  const auto expected = floats_of(read_file(stem.string() + ".f32"));
  const auto logits = [&](ComputeMode compute, std::int64_t chunk) {
    return Model(stem.string() + ".gguf", gpu(), compute, std::ssize(tokens), chunk).logits(tokens);
  };
  EXPECT_LT(relative_error(logits(ComputeMode::kF32, 512), expected), 1e-3);
  EXPECT_EQ(logits(ComputeMode::kAuto, 5), logits(ComputeMode::kAuto, 512));
}

TEST_P(SharedModelTest, ChunksAndRecordedStepsDoNotChangeBits) {
  for (const Fixture& fixture : fixtures()) {
    SCOPED_TRACE(fixture.path);
    const std::int64_t context = fixture.context();
    const auto whole = Model(fixture.path, gpu(), ComputeMode::kAuto, context, 512).logits(fixture.all());
    EXPECT_EQ(Model(fixture.path, gpu(), ComputeMode::kAuto, context, 5).logits(fixture.all()), whole);
    Model recorded(fixture.path, gpu(), ComputeMode::kAuto, context, 1);
    recorded.record_decode_steps();
    EXPECT_EQ(recorded.logits(fixture.all()), whole);
  }
}

}  // namespace
}  // namespace hearth::model_testing
