// Whole models on every GPU that the tests have: logits against what independent implementations computed, law 2 to the
// bit, and the ledger: every operator ran there, nothing crossed to the host but what was asked for, nothing was
// allocated after "ready".
#include <map>

#include "model/testing/gpu_model.h"

namespace hearth::model_testing {
namespace {

class GpuModelTest : public testing::TestWithParam<int> {
 protected:
  GpuDevice& gpu() { return test_gpu(GetParam()); }

  // Of the whole text in one step. Each is computed once for all tests.
  const std::vector<float>& logits(const Fixture& fixture, ComputeMode compute) {
    static std::map<std::tuple<int, fs::path, ComputeMode>, std::vector<float>> known;
    const auto [found, is_new] = known.try_emplace({GetParam(), fixture.path, compute});
    if (is_new) found->second = Model(fixture.path, gpu(), compute, fixture.context(), 512).logits(fixture.all());
    return found->second;
  }
};
INSTANTIATE_TEST_SUITE_P(Gpus, GpuModelTest, testing::ValuesIn(kernel_testing::whole_model_gpus()),
                         [](const auto& test) { return test_gpu_names()[static_cast<std::size_t>(test.param)]; });

TEST_P(GpuModelTest, AgreesInFloat32) {
  for (const std::string& name : fixture_names()) {
    SCOPED_TRACE(name);
    const Fixture fixture(name);
    expect_float32(fixture, logits(fixture, ComputeMode::kF32));
  }
}

TEST_P(GpuModelTest, AgreesInBf16) {
  for (const std::string& name : fixture_names()) {
    SCOPED_TRACE(name);
    const Fixture fixture(name);
    expect_bf16(fixture, logits(fixture, ComputeMode::kAuto));
  }
}

TEST_P(GpuModelTest, ChunksAndRecordedStepsDoNotChangeBits) {
  const std::string first = fixture_names().front();
  for (const auto& [name, compute] :
       {std::pair{first, ComputeMode::kAuto}, {first, ComputeMode::kF32}, {"lfm2", ComputeMode::kAuto}}) {
    const Fixture fixture(name);
    const std::int64_t context = fixture.context();
    const std::vector<float>& whole = logits(fixture, compute);
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

// The fused kernel against the separate operators, which share no code with it.
TEST_P(GpuModelTest, AttentionInStepsIsTheFusedKernel) {
  for (const std::string& name : fixture_names()) {
    SCOPED_TRACE(name);
    const Fixture fixture(name);
    for (const ComputeMode compute : {ComputeMode::kF32, ComputeMode::kAuto}) {
      const std::vector<float>& fused = logits(fixture, compute);
      Model model(fixture.path, gpu(), compute, fixture.context(), 512, AttentionMode::kSteps);
      model.record_decode_steps();
      const Ledger before = gpu().ledger();
      const auto stepped = model.logits(fixture.all());
      const auto launches = launches_since(before, gpu().ledger());
      // In bf16 the steps' queries and probabilities stay float32; a token between two experts may take the other.
      if (compute == ComputeMode::kF32) {
        EXPECT_LT(relative_error(stepped, fused), 1e-5);
      } else if (fixture.has_experts()) {
        EXPECT_LT(row_error(stepped, fused, fixture.vocabulary(), 2), 2e-2);
      } else {
        EXPECT_LT(relative_error(stepped, fused), 2e-2);
      }
      const auto& all_layers = model.pass().spec().layers;
      const std::int64_t layers =
          std::count_if(all_layers.begin(), all_layers.end(), std::mem_fn(&LayerSpec::has_attention));
      std::int64_t of_steps = 0;
      for (const char* step : {"attention_scores", "attention_scale", "attention_mask", "attention_weighted_sum"}) {
        // The same kernel caps logits.
        const bool caps_logits = model.pass().spec().logit_softcap > 0 && step == std::string_view("attention_scale");
        const std::int64_t count = layers + (caps_logits ? 1 : 0);
        EXPECT_EQ(launches_that_start_with(launches, step), count) << step;
        of_steps += count;
      }
      EXPECT_EQ(launches_that_start_with(launches, "softmax"), layers);
      EXPECT_EQ(launches_that_start_with(launches, "attention_"), of_steps) << "a fused kernel ran";
    }
  }
}

// Decoding steps are launched one by one, whatever was to be recorded, and change no bit.
TEST_P(GpuModelTest, AttentionInStepsIsFreeOfChunks) {
  const Fixture fixture("mistral-swa");
  for (const ComputeMode compute : {ComputeMode::kF32, ComputeMode::kAuto}) {
    const auto of_chunks = [&](std::int64_t chunk) {
      Model model(fixture.path, gpu(), compute, fixture.context(), chunk, AttentionMode::kSteps);
      model.record_decode_steps();
      return model.logits(fixture.all());
    };
    const std::int64_t replays = gpu().ledger().graph_replay_count;
    const auto whole = of_chunks(512);
    EXPECT_EQ(of_chunks(7), whole);
    EXPECT_EQ(of_chunks(1), whole);
    EXPECT_EQ(gpu().ledger().graph_replay_count, replays);
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
