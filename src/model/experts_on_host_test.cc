// Experts' weights in the host's memory: the same bits, as many bytes as were planned, and a ledger that says what
// crossed the bus.
#include "model/testing/gpu_model.h"

namespace hearth::model_testing {
namespace {

Model experts_on_host(const Fixture& fixture, GpuDevice& gpu, ComputeMode compute, std::int64_t chunk) {
  return {fixture.path, gpu, compute, fixture.context(), chunk, AttentionMode::kFused, /*experts_on_host=*/true};
}

class ExpertsOnHostTest : public testing::TestWithParam<int> {
 protected:
  GpuDevice& gpu() { return test_gpu(GetParam()); }
};
INSTANTIATE_TEST_SUITE_P(Gpus, ExpertsOnHostTest, testing::ValuesIn(kernel_testing::whole_model_gpus()),
                         [](const auto& test) { return test_gpu_names()[static_cast<std::size_t>(test.param)]; });

// A step of the whole text copies every layer's experts, one after another into two slots; steps of 3 and of 1 read
// those in use where they are, the latter recorded.
TEST_P(ExpertsOnHostTest, ChangeNoBit) {
  const Fixture fixture("glm4_moe");
  for (const ComputeMode compute : {ComputeMode::kAuto, ComputeMode::kF32}) {
    const auto expected = Model(fixture.path, gpu(), compute, fixture.context(), 512).logits(fixture.all());
    EXPECT_EQ(experts_on_host(fixture, gpu(), compute, 512).logits(fixture.all()), expected);
    EXPECT_EQ(experts_on_host(fixture, gpu(), compute, 3).logits(fixture.all()), expected);
    Model recorded = experts_on_host(fixture, gpu(), compute, 1);
    recorded.record_decode_steps();
    EXPECT_EQ(recorded.logits(fixture.all()), expected);
  }
}

// Experts without a gate, and those that are a layer's only part.
TEST_P(ExpertsOnHostTest, OtherFamiliesChangeNoBit) {
  for (const char* name : {"nemotron_h_moe", "gemma4_moe"}) {
    const Fixture fixture(name);
    const auto whole = Model(fixture.path, gpu(), ComputeMode::kAuto, fixture.context(), 512).logits(fixture.prompt);
    Model there = experts_on_host(fixture, gpu(), ComputeMode::kAuto, 512);
    EXPECT_EQ(there.logits(fixture.prompt), whole) << name;
    // Its three layers take turns.
    const MemoryPlan& plan = there.pass().memory_plan();
    if (name == std::string_view("gemma4_moe")) EXPECT_LT(plan.expert_slot_bytes, plan.host_weight_bytes);
  }
}

TEST_P(ExpertsOnHostTest, PlanAndLedgerSayWhatIsWhere) {
  const Fixture fixture("glm4_moe");
  const std::int64_t pinned = gpu().ledger().pinned_weight_bytes;
  {
    Model here(fixture.path, gpu(), ComputeMode::kAuto, fixture.context(), 512);
    Model there = experts_on_host(fixture, gpu(), ComputeMode::kAuto, 512);
    const MemoryPlan &with = here.pass().memory_plan(), &without = there.pass().memory_plan();
    EXPECT_EQ(with.host_weight_bytes + with.expert_slot_bytes, 0);
    EXPECT_LT(without.weight_bytes, with.weight_bytes);
    EXPECT_GE(without.weight_bytes + without.host_weight_bytes, with.weight_bytes);
    // Two slots for two layers with experts.
    EXPECT_EQ(without.expert_slot_bytes, without.host_weight_bytes);
    // Steps of few tokens need none.
    EXPECT_EQ(experts_on_host(fixture, gpu(), ComputeMode::kAuto, 4).pass().memory_plan().expert_slot_bytes, 0);

    // A step of many tokens brings every expert over once, and computes with the same kernels.
    const Ledger begin = gpu().ledger();
    here.step(fixture.prompt, 0, Batch::Logits::kNone);
    const Ledger mid = gpu().ledger();
    there.step(fixture.prompt, 0, Batch::Logits::kNone);
    const Ledger end = gpu().ledger();
    EXPECT_EQ(
        (end.host_to_device_bytes - mid.host_to_device_bytes) - (mid.host_to_device_bytes - begin.host_to_device_bytes),
        without.host_weight_bytes);
    EXPECT_EQ(end.host_read_bytes, begin.host_read_bytes);
    EXPECT_EQ(launches_since(mid, end), launches_since(begin, mid));

    // One of a single token reads the experts in use, where they are.
    std::int64_t used_bytes = 0;
    for (const OperatorPlan& op : there.pass().operators()) {
      if (op.kernel.starts_with("expert_matmul")) used_bytes += op.bytes_per_token;
    }
    EXPECT_GT(used_bytes, 0);
    there.step({fixture.greedy.data(), 1}, std::ssize(fixture.prompt), Batch::Logits::kNone);
    const Ledger decoded = gpu().ledger();
    EXPECT_EQ(decoded.host_read_bytes - end.host_read_bytes, used_bytes);
    EXPECT_LT(decoded.host_to_device_bytes - end.host_to_device_bytes, without.host_weight_bytes);
    EXPECT_EQ(decoded.allocation_count, end.allocation_count);
  }
  EXPECT_EQ(gpu().ledger().pinned_weight_bytes, pinned);
}

TEST_P(ExpertsOnHostTest, AModelWithoutThemSaysSo) {
  const Fixture fixture("llama3-rope");
  Model model = experts_on_host(fixture, gpu(), ComputeMode::kAuto, 512);
  EXPECT_EQ(model.pass().memory_plan().host_weight_bytes, 0);
  ASSERT_FALSE(model.pass().notes().empty());
  EXPECT_NE(model.pass().notes().back().find("--experts host"), std::string::npos);
}

}  // namespace
}  // namespace hearth::model_testing
