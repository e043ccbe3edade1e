// Whole models on every GPU that the tests have: logits against what independent implementations computed, law 2 to the
// bit, and the ledger: every operator ran there, nothing crossed to the host but what was asked for, nothing was
// allocated after "ready".
#include "model/testing/gpu_model.h"

namespace hearth::model_testing {
namespace {

class GpuModelTest : public testing::TestWithParam<int> {
 protected:
  GpuDevice& gpu() { return test_gpu(GetParam()); }
};
INSTANTIATE_TEST_SUITE_P(Gpus, GpuModelTest, testing::Range(0, static_cast<int>(test_gpu_names().size())),
                         [](const auto& test) { return test_gpu_names()[static_cast<std::size_t>(test.param)]; });

TEST_P(GpuModelTest, AgreesInFloat32) {
  for (const std::string& name : fixture_names()) {
    SCOPED_TRACE(name);
    check_float32(gpu(), Fixture(name));
  }
}

TEST_P(GpuModelTest, AgreesInBf16) {
  for (const std::string& name : fixture_names()) {
    SCOPED_TRACE(name);
    check_bf16(gpu(), Fixture(name));
  }
}

TEST_P(GpuModelTest, ChunksAndRecordedStepsDoNotChangeBits) {
  const Fixture fixture(fixture_names().front());
  const std::int64_t context = fixture.context();
  for (const ComputeMode compute : {ComputeMode::kAuto, ComputeMode::kF32}) {
    const auto whole = Model(fixture.path, gpu(), compute, context, 512).logits(fixture.all());
    EXPECT_EQ(Model(fixture.path, gpu(), compute, context, 5).logits(fixture.all()), whole);
    EXPECT_EQ(Model(fixture.path, gpu(), compute, context, 1).logits(fixture.all()), whole);
    // Token by token again, replayed: positions, tables and tokens come from the device's memory, never from the
    // record.
    Model recorded(fixture.path, gpu(), compute, context, 1);
    recorded.record_decode_steps();
    const std::int64_t replays = gpu().ledger().graph_replay_count;
    EXPECT_EQ(recorded.logits(fixture.all()), whole);
    EXPECT_EQ(gpu().ledger().graph_replay_count - replays, std::ssize(fixture.all()));
  }
}

TEST_P(GpuModelTest, TheLedgerShowsThatEverythingRanThere) {
  const Fixture fixture("llama3-rope");
  Model model(fixture.path, gpu(), ComputeMode::kAuto, fixture.context(), 64);
  model.record_decode_steps();
  check_ledger(gpu(), model, fixture);
}

}  // namespace
}  // namespace hearth::model_testing
