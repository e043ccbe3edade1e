// The logits of many texts at once are those of each alone, bit for bit: in steps of any size, and behind what another
// text has left in the cache. On the CPU and on every GPU that the tests have.
#include "engine/text_scorer.h"

#include <gtest/gtest.h>

#include <map>
#include <numeric>

#include "engine/testing/setups.h"
#include "model/backend.h"
#include "model/testing/fixture.h"

namespace hearth::engine_testing {
namespace {

// Of each text and position.
using TextLogits = std::map<std::pair<std::size_t, std::int64_t>, std::vector<float>>;

struct ScoredRun {
  TextLogits logits;
  std::int64_t shared_tokens = 0;
  std::vector<double> square_sums;  // of what the first matrix reads, column by column
};

struct ScorerSetting {
  std::int64_t step_tokens = 64, rows = 16, sequences = 4;
  bool share_prefixes = false;
};

ScoredRun scored(Device& device, const std::string& model, const std::vector<ScoredText>& texts,
                 const ScorerSetting& setting) {
  const auto source = ModelSource::open(model_testing::data_folder() / "hf" / model);
  const auto stream = device.open_stream();
  const ChosenBackend chosen = backend_for(device, ComputeMode::kF32);
  ForwardPass pass(*source, chosen.backend,
                   {.compute = chosen.compute,
                    .context = 128,
                    .sequences_max = setting.sequences,
                    .cache_tokens = (setting.sequences + 2) * 128,
                    .step_tokens_max = setting.step_tokens,
                    .logit_rows_max = setting.rows,
                    .checkpoints = setting.share_prefixes});
  pass.load(*stream);
  ScoredRun run;
  std::string observed;
  pass.observe_inputs([&](const ObservedInput& input) {
    if (observed.empty()) observed = input.tensors[0];
    if (input.tensors[0] != observed || input.format != Format::kF32) return;
    std::vector<float> values(static_cast<std::size_t>(input.rows * input.columns));
    stream->download(values.data(), static_cast<const std::byte*>(input.x), std::ssize(values) * 4);
    stream->synchronize();
    run.square_sums.resize(static_cast<std::size_t>(input.columns));
    for (std::size_t i = 0; i < values.size(); ++i) {
      run.square_sums[i % run.square_sums.size()] += static_cast<double>(values[i]) * static_cast<double>(values[i]);
    }
  });
  TextScorer scorer(pass, *stream, setting.share_prefixes);
  EXPECT_EQ(pass.arena().taken_bytes(), pass.memory_plan().total_bytes());
  EXPECT_TRUE(scorer.run(texts, [&](std::span<const TextScorer::Row> rows) {
    EXPECT_LE(std::ssize(rows), setting.rows);
    for (const TextScorer::Row& row : rows) {
      const bool is_new = run.logits.try_emplace({row.text, row.position}, row.logits.begin(), row.logits.end()).second;
      EXPECT_TRUE(is_new) << row.text << " at " << row.position;
    }
    return true;
  }));
  run.shared_tokens = scorer.shared_tokens();
  return run;
}

// Texts that begin alike and part behind the second block of the cache, but for one.
std::vector<ScoredText> some_texts(std::size_t length) {
  std::vector<ScoredText> texts;
  for (int i = 0; i < 3; ++i) {
    std::vector<std::int32_t> tokens(length);
    std::iota(tokens.begin(), tokens.end(), i == 1 ? 7 : 3);
    tokens[length - 5] = 200 + i;
    texts.push_back({std::move(tokens), static_cast<std::int64_t>(length) - 6});
  }
  texts.push_back({{1, 2, 3}, 0});
  return texts;
}

class TextScorerTest : public testing::TestWithParam<kernel_testing::Setup> {
 protected:
  kernel_testing::Runner runner{GetParam()};

  void expect_same(const std::string& model, bool shares) {
    const std::vector<ScoredText> texts = some_texts(runner.is_slow() ? 40 : 80);
    const ScoredRun alone = scored(runner.device, model, texts, {.sequences = 1});
    EXPECT_EQ(alone.logits.size(), 3u * 6 + 3);
    const ScoredRun together = scored(runner.device, model, texts, {.step_tokens = 128, .rows = 7});
    EXPECT_EQ(together.logits, alone.logits);
    EXPECT_EQ(together.square_sums, alone.square_sums);
    EXPECT_EQ(together.shared_tokens, 0);
    const ScoredRun shared = scored(runner.device, model, texts, {.step_tokens = 48, .share_prefixes = true});
    EXPECT_EQ(shared.logits, alone.logits);
    if (shares) EXPECT_GE(shared.shared_tokens, 32);
  }
};

TEST_P(TextScorerTest, CompanyChangesNoBit) {
  expect_same("llama3-rope", true);
}

TEST_P(TextScorerTest, CompanyChangesNoBitOfStates) {
  if (runner.is_slow()) GTEST_SKIP() << "the CPU has told";
  expect_same("lfm2", false);
}

// Computed in float32 everywhere: each device once.
std::vector<kernel_testing::Setup> f32_setups() {
  std::vector<kernel_testing::Setup> all = setups();
  std::erase_if(all, [](const auto& setup) { return setup.is_gpu() && setup.compute != Compute::kF32; });
  return all;
}
INSTANTIATE_TEST_SUITE_P(Devices, TextScorerTest, testing::ValuesIn(f32_setups()), kernel_testing::name_of_device);

}  // namespace
}  // namespace hearth::engine_testing
