// Sampling on every GPU against the CPU's sampler: the same tokens, for sequences of any options and histories, and
// nothing but the ids comes down to the host.
#include "sampling/device_sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <memory>
#include <string>

#include "base/error.h"
#include "kernels/sample/sample_cases.h"
#include "kernels/testing/kernel_testing.h"
#include "sampling/sampler.h"

namespace hearth {
namespace {

using namespace kernel_testing;

std::string letters(std::int32_t token) {
  return token % 11 == 0 ? "\n" : std::string(1, static_cast<char>('a' + token % 26));
}

SamplerOptions random_options(CaseRandom& random, std::int32_t vocab) {
  const SampleRow row = random_row(random, vocab);
  SamplerOptions o;
  o.temperature = row.temperature;
  o.top_k = row.top_k;
  o.top_p = row.top_p;
  o.min_p = row.min_p;
  o.typical_p = row.typical_p;
  o.xtc_probability = row.xtc_probability;
  o.xtc_threshold = row.xtc_threshold;
  o.repeat_penalty = row.repeat_penalty;
  o.presence_penalty = row.presence_penalty;
  o.frequency_penalty = row.frequency_penalty;
  o.counts_answer_alone = chance(random, 0.5);
  o.repeat_last_n = chance(random, 0.2) ? -1 : integer_between(random, 0, 70);
  if (chance(random, 0.5)) o.dry_multiplier = number_between(random, 0.1f, 3);
  o.dry_base = number_between(random, 1, 3);
  o.dry_allowed_length = integer_between(random, 1, 4);
  o.dry_penalty_last_n = chance(random, 0.5) ? -1 : integer_between(random, 0, 100);
  if (chance(random, 0.5)) o.dry_sequence_breakers.clear();
  for (const SampleAdjustment& a : random_adjustments(random, vocab)) o.logit_bias[a.token] = a.bias;
  o.seed = row.seed;
  o.stages.clear();
  for (std::int32_t i = 0; i < row.stage_count; ++i) o.stages.push_back(static_cast<SamplerStage>(row.stages[i]));
  return o;
}

// A sequence on the CPU and on the device.
struct Both {
  Both(const SamplerOptions& options, std::int32_t vocab, std::uint32_t choice)
      : cpu(options, vocab, letters, choice), gpu(options, vocab, letters, choice) {}
  void accept_prompt(std::int32_t token) {
    cpu.accept_prompt(token);
    gpu.accept_prompt(token);
  }
  void accept(std::int32_t token) {
    cpu.accept(token);
    gpu.accept(token);
  }
  Sampler cpu;
  DeviceSampler gpu;
};

class DeviceSamplerTest : public ::testing::TestWithParam<Setup> {
 protected:
  std::vector<std::int32_t> chosen(SamplingStep& step, std::vector<float> logits,
                                   const std::vector<SamplingStep::Request>& requests) {
    std::vector<std::int32_t> ids(requests.size(), -7);
    float* const on_device = run.out(logits);
    step.run(*run.stream, on_device, requests, ids);
    run.finish();
    return ids;
  }
  Backend backend() { return {run.device, run.kernels}; }
  Arena arena_for(std::int64_t rows, std::int32_t vocab, std::int64_t adjustments) {
    return Arena(run.device, Arena::part_bytes(SamplingStep::memory_bytes(rows, vocab, adjustments)), "a test");
  }

  Runner run{GetParam()};
};

std::vector<Setup> gpu_setups() {
  std::vector<Setup> setups = device_setups();
  std::erase_if(setups, [](const Setup& setup) { return !setup.is_gpu(); });
  return setups;
}
INSTANTIATE_TEST_SUITE_P(Gpus, DeviceSamplerTest, ::testing::ValuesIn(gpu_setups()), name_of_device);

TEST_P(DeviceSamplerTest, ChoosesWhatTheSamplerChooses) {
  CaseRandom random(7);
  int chosen_count = 0;
  for (int round = 0; round < 60; ++round) {
    const std::int32_t vocab = integer_between(random, 64, 2000);
    Arena arena = arena_for(5, vocab, 100);
    SamplingStep step(backend(), arena, 5, vocab, 100);
    std::vector<std::unique_ptr<Both>> sequences;
    for (std::uint32_t i = 0; i < 5; ++i) {
      sequences.push_back(std::make_unique<Both>(random_options(random, vocab), vocab, i));
      // Few different tokens, so that there is something to repeat.
      for (int j = integer_between(random, 0, 60); j > 0; --j)
        sequences.back()->accept_prompt(integer_between(random, 0, 9));
    }
    for (int turn = 0; turn < 5; ++turn) {
      std::vector<float> logits;
      std::vector<SamplingStep::Request> requests;
      std::vector<std::int32_t> expected;
      std::vector<std::vector<std::uint32_t>> masks;  // of some
      masks.reserve(sequences.size());
      for (const auto& sequence : sequences) {
        const std::int64_t position = integer_between(random, 0, 100000);
        const std::vector<float> row = random_logits(random, vocab);
        std::span<const std::uint32_t> mask;
        if (chance(random, 0.5)) mask = masks.emplace_back(random_mask(random, vocab));
        try {
          expected.push_back(sequence->cpu.sample(row, position, mask));
        } catch (const Error&) {
          continue;  // no token is possible
        }
        logits.insert(logits.end(), row.begin(), row.end());
        requests.push_back({&sequence->gpu, position, mask});
      }
      const std::vector<std::int32_t> ids = chosen(step, logits, requests);
      ASSERT_EQ(ids, expected) << "round " << round << ", turn " << turn << ", vocabulary " << vocab;
      chosen_count += static_cast<int>(ids.size());
      for (std::size_t i = 0; i < sequences.size(); ++i) sequences[i]->accept(integer_between(random, 0, 9));
    }
  }
  EXPECT_GT(chosen_count, 1000);
}

TEST_P(DeviceSamplerTest, OnlyIdsComeDownAndNothingIsAllocated) {
  constexpr std::int32_t kVocab = 5000;
  Arena arena = arena_for(3, kVocab, 100);
  SamplingStep step(backend(), arena, 3, kVocab, 100);
  CaseRandom random(3);
  std::vector<float> logits;
  DeviceSampler plain(SamplerOptions{}, kVocab), wide(
                                                     [] {
                                                       SamplerOptions o;
                                                       o.top_k = 0;
                                                       o.min_p = 0;
                                                       o.top_p = 1;
                                                       return o;
                                                     }(),
                                                     kVocab);
  for (int i = 0; i < 3; ++i) {
    for (int j = 0; j < kVocab; ++j) logits.push_back(number_between(random, -3, 3));
  }
  float* const on_device = run.out(logits);
  const std::int64_t down = run.device.ledger().device_to_host_bytes,
                     allocations = run.device.ledger().allocation_count;
  const std::vector<SamplingStep::Request> requests = {{&plain, 0}, {&wide, 1}, {&plain, 2}};
  std::vector<std::int32_t> ids(3);
  step.run(*run.stream, on_device, requests, ids);
  EXPECT_EQ(run.device.ledger().device_to_host_bytes - down, 3 * 4);
  EXPECT_EQ(run.device.ledger().allocation_count, allocations);
  run.finish();
}

// More adjustments than there is room for: the step is split, and the tokens are the same.
TEST_P(DeviceSamplerTest, ManyAdjustments) {
  constexpr std::int32_t kVocab = 300;
  Arena arena = arena_for(4, kVocab, 1);
  SamplingStep step(backend(), arena, 4, kVocab, 1);
  CaseRandom random(5);
  std::vector<std::unique_ptr<Both>> sequences;
  std::vector<SamplingStep::Request> requests;
  std::vector<float> logits;
  std::vector<std::int32_t> expected;
  for (std::uint32_t i = 0; i < 4; ++i) {
    SamplerOptions o;
    for (std::int32_t token = 0; token < kVocab; token += 1 + static_cast<std::int32_t>(i % 2)) {
      o.logit_bias[token] = number_between(random, -3, 3);
    }
    sequences.push_back(std::make_unique<Both>(o, kVocab, i));
    const std::vector<float> row = random_logits(random, kVocab);
    logits.insert(logits.end(), row.begin(), row.end());
    expected.push_back(sequences.back()->cpu.sample(row, 11));
    requests.push_back({&sequences.back()->gpu, 11});
  }
  EXPECT_EQ(chosen(step, logits, requests), expected);
}

TEST(DeviceSampler, LooksAhead) {
  SamplerOptions options;
  options.repeat_penalty = 1.2f;
  options.repeat_last_n = 4;
  options.frequency_penalty = 0.5f;
  DeviceSampler ahead(options, 20), accepted(options, 20);
  for (const std::int32_t token : {3, 4, 5, 4, 6}) {
    ahead.accept_prompt(token);
    accepted.accept_prompt(token);
  }
  const std::vector<std::int32_t> drafted{7, 4, 7};
  std::vector<SampleAdjustment> expected, actual;
  const auto expect_same = [&] {
    ASSERT_EQ(actual.size(), expected.size());
    for (std::size_t i = 0; i < actual.size(); ++i) {
      EXPECT_EQ(actual[i].token, expected[i].token);
      EXPECT_EQ(actual[i].count, expected[i].count);
      EXPECT_EQ(actual[i].is_repeated, expected[i].is_repeated);
    }
    actual.clear();
    expected.clear();
  };
  accepted.row(5, expected);
  for (const std::int32_t token : drafted) accepted.accept(token);
  ahead.row_after(drafted, 8, actual);
  actual.clear();
  ahead.row(5, actual);
  expect_same();
  ahead.row_after(drafted, 8, actual);
  EXPECT_EQ(accepted.row(8, expected).position, 8);
  expect_same();
}

TEST_P(DeviceSamplerTest, RefusesWhatIsImpossible) {
  Arena arena = arena_for(2, 100, 0);
  SamplingStep step(backend(), arena, 2, 100, 0);
  DeviceSampler sampler(SamplerOptions{}, 100);
  EXPECT_EQ(chosen(step, std::vector<float>(100, NAN), {{&sampler, 5}}), std::vector<std::int32_t>{-1});
  EXPECT_TRUE(chosen(step, std::vector<float>(100, 1.0f), {}).empty());
  EXPECT_THROW(SamplingStep(backend(), arena, 2, kSampleVocabMax + 1, 0), Unsupported);
  SamplerOptions bad;
  bad.top_p = 2;
  EXPECT_THROW(DeviceSampler(bad, 100), InvalidInput);
  CpuRunner cpu(cpu_setups().front());
  EXPECT_THROW(SamplingStep({cpu.device, cpu.kernels}, arena, 2, 100, 0), Unsupported);
}

}  // namespace
}  // namespace hearth
