// Law 2 end to end: a request's tokens and log-probabilities are the same bits alone, in company, with its prompt in
// chunks of any size, on a cold and on a warm cache, after preemptions and at any order of arrival, with tokens drafted
// and without. On the CPU and on every GPU that the tests have.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "engine/testing/engine_run.h"
#include "engine/testing/setups.h"
#include "grammar/gbnf.h"
#include "kernels/testing/runner.h"

namespace hearth::engine_testing {
namespace {

class ExactnessTest : public testing::TestWithParam<kernel_testing::Setup> {
 protected:
  kernel_testing::Runner runner{GetParam()};

  bool is_slow() const { return runner.is_slow(); }
  std::size_t company() const { return is_slow() ? 5 : 63; }
  std::int64_t answer_tokens() const { return is_slow() ? 4 : 24; }

  // Some share their beginnings, and lengths stand on both sides of a block's edge.
  std::vector<Request> requests() const {
    std::mt19937 random(5);
    const std::vector<TokenId> shared = random_prompt(random, 70);
    const auto letters = compile_gbnf(R"(root ::= ([a-f]{3} "," | "<" root ">")*)");
    std::vector<Request> result;
    for (std::size_t i = 0; i <= company(); ++i) {
      std::vector<TokenId> prompt;
      if (i % 3 == 0) prompt.assign(shared.begin(), shared.begin() + static_cast<std::ptrdiff_t>(31 + random() % 39));
      const auto own = random_prompt(random, 1 + static_cast<std::int64_t>(random() % 40));
      prompt.insert(prompt.end(), own.begin(), own.end());
      result.push_back(sampled_request(std::to_string(i), prompt, answer_tokens(), 100 + i));
      result.back().embed = i == 1;
      if (i % 4 == 2) result.back().grammar = GrammarRequest{{}, letters, {}};
      if (i % 4 == 3) add_thoughts_and_calls(result.back());
    }
    return result;
  }

  // Thoughts that are ended after a few tokens, and then calls, which every comma begins.
  static void add_thoughts_and_calls(Request& request) {
    request.calls = object_calls(",");
    request.thinking = {.open = "<", .close = ">,", .is_open = true, .token_count_max = 2};
  }

  RunOptions options() const { return {.context = 128, .step_tokens = 64, .sequences = is_slow() ? 4 : 32}; }

  std::vector<Answer> answers(const RunOptions& run_options, const std::vector<Request>& requests) {
    EngineRun run(runner.device, run_options, model_);
    std::vector<std::shared_ptr<Recorder>> recorders;
    for (const Request& request : requests) recorders.push_back(run.submit(request));
    run.finish();
    run.expect_idle();
    stats_ = run.engine().stats();
    std::vector<Answer> result;
    for (const auto& recorder : recorders) {
      result.push_back(recorder->answer());
      EXPECT_TRUE(result.back().ended);
      EXPECT_EQ(result.back().end.error, "");
    }
    return result;
  }

  // Each in an engine of its own; of a slow device the first few.
  std::vector<Answer> alone(const std::vector<Request>& requests) {
    std::vector<Answer> result;
    const std::size_t count = std::min<std::size_t>(requests.size(), is_slow() ? 2 : 12);
    for (std::size_t i = 0; i < count; ++i) result.push_back(answers(options(), {requests[i]}).front());
    return result;
  }

  void expect_same(const std::vector<Answer>& expected, const std::vector<Answer>& actual) {
    for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(actual[i], expected[i]) << "request " << i;
  }

  // Answers that go past the next edges of blocks, for a cache in which they do not all find room.
  std::vector<Request> long_requests() const {
    std::vector<Request> all = requests();
    if (is_slow()) all.resize(3);
    for (Request& request : all) {
      if (is_slow()) request.prompt.resize(std::min<std::size_t>(request.prompt.size(), 24));
      request.token_count_max = is_slow() ? 48 : 60;
      request.ignore_end = true;
    }
    return all;
  }
  void expect_no_change_by_preemption(const std::vector<Answer>& expected, const std::vector<Request>& all) {
    RunOptions scarce = options();
    scarce.cache_tokens = is_slow() ? 128 : 512;
    expect_same(expected, answers(scarce, all));
    EXPECT_GT(stats_.preemptions, 0);
  }

  // The same prompts again, while the first ones are answered or when they have been. Returns all requests.
  std::vector<Request> expect_same_on_a_warm_cache(const std::vector<Answer>& expected,
                                                   const std::vector<Request>& all) {
    std::vector<Request> twice = all;
    for (Request request : all) {
      request.id += " again";
      twice.push_back(std::move(request));
    }
    const std::vector<Answer> warm = answers(options(), twice);
    EXPECT_GT(stats_.prefix_hit_tokens, 0);
    expect_same(expected, warm);
    expect_same(expected, {warm.begin() + std::ssize(all), warm.end()});
    return twice;
  }

  void expect_no_change_by_small_chunks(const std::vector<Answer>& expected, std::vector<Request> all) {
    RunOptions chunked = options();
    chunked.chunk = 16;
    std::reverse(all.begin(), all.end());
    std::vector<Answer> reversed = answers(chunked, all);
    std::reverse(reversed.begin(), reversed.end());
    expect_same(expected, reversed);
  }

  EngineStats stats_;
  std::string model_ = "llama3-rope";
};

TEST_P(ExactnessTest, CompanyAndChunksChangeNoBit) {
  const std::vector<Request> all = requests();
  const std::vector<Answer> expected = alone(all);
  for (const Answer& answer : expected) EXPECT_NE(answer.logprobs.empty(), answer.end.embedding.empty());
  expect_same(expected, answers(options(), all));
  for (const std::int64_t chunk : {16, 64, 512}) {
    if (is_slow() && chunk == 64) continue;
    RunOptions chunked = options();
    chunked.chunk = chunk;
    chunked.step_tokens = 512;
    expect_same(expected, answers(chunked, all));
  }
}

TEST_P(ExactnessTest, AWarmCacheChangesNoBit) {
  const std::vector<Request> all = requests();
  const std::vector<Answer> expected = alone(all);
  std::vector<Request> twice = expect_same_on_a_warm_cache(expected, all);
  for (Request& request : twice) request.use_prefix_cache = false;
  expect_same(expected, answers(options(), twice));
  EXPECT_EQ(stats_.prefix_hit_tokens, 0);
}

TEST_P(ExactnessTest, PreemptionChangesNoBit) {
  const std::vector<Request> all = long_requests();
  expect_no_change_by_preemption(alone(all), all);
}

TEST_P(ExactnessTest, TheOrderOfArrivalChangesNoBit) {
  const std::vector<Request> all = requests();
  const std::vector<Answer> expected = alone(all);
  std::vector<std::size_t> order(all.size());
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), std::mt19937(11));
  EngineRun run(runner.device, options());
  std::vector<std::shared_ptr<Recorder>> recorders(all.size());
  std::size_t next = 0;
  const auto submit_next = [&](std::size_t count) {
    for (; count > 0 && next < order.size(); --count, ++next) recorders[order[next]] = run.submit(all[order[next]]);
    if (next == order.size()) run.engine().drain();
  };
  run.engine().on_step([&](const StepRecord&) { submit_next(2); });
  submit_next(1);
  run.engine().run();
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(recorders[i]->answer(), expected[i]) << "request " << i;
}

// Which tokens share an expert's matrices is another company still.
TEST_P(ExactnessTest, ExpertsChangeNoBit) {
  model_ = "glm4_moe";
  const std::vector<Request> all = long_requests();
  const std::vector<Answer> expected = alone(all);
  expect_no_change_by_preemption(expected, all);
  expect_no_change_by_small_chunks(expected, all);
  if (runner.device.is_cpu()) return;
  // Nor does where their weights stand: recorded steps of few sequences read them there, those of many get copies.
  RunOptions on_host = options();
  on_host.experts_on_host = true;
  on_host.sequences = 8;
  const Ledger before = runner.device.ledger();
  expect_same(expected, answers(on_host, all));
  EXPECT_GT(runner.device.ledger().host_read_bytes, before.host_read_bytes);
}

// States are kept as checkpoints and found again, given up and computed again, and cut elsewhere for every company.
TEST_P(ExactnessTest, StatesChangeNoBit) {
  model_ = "lfm2";
  const std::vector<Request> all = requests();
  const std::vector<Answer> expected = alone(all);
  expect_same(expected, answers(options(), all));
  expect_same_on_a_warm_cache(expected, all);
  EXPECT_GT(stats_.kept_checkpoints, 0);
  expect_no_change_by_small_chunks(expected, all);
  const std::vector<Request> longer = long_requests();
  expect_no_change_by_preemption(alone(longer), longer);
}

// Repetitive ones, of every kind that looks back on what was chosen, or looks at it more closely.
class SpeculationTest : public ExactnessTest {
 protected:
  std::vector<Request> repetitive_requests() const {
    const auto tokenizer = EngineRun::byte_tokenizer();
    const TokenId a = *tokenizer->find("a"), b = *tokenizer->find("b");
    std::vector<Request> all = requests();
    for (std::size_t i = 0; i < all.size(); ++i) {
      Request& request = all[i];
      request.token_count_max = is_slow() ? 8 : 60;
      request.ignore_end = i % 5 != 0;
      if (i % 4 > 1) continue;  // with grammars
      request.sampling.logit_bias = {{a, 40.0f}, {b, i % 3 == 0 ? 25.0f : 40.0f}};
      if (i % 8 == 0) request.sampling.temperature = 0;
      if (i % 8 == 1) request.sampling.top_k = 3;
      if (i % 8 == 5) request.sampling.top_p = 0.8f;
      if (i % 3 == 1) request.sampling.frequency_penalty = 0.7f;
      if (i % 3 == 1) request.sampling.repeat_last_n = 6;
      if (i % 3 == 2) request.sampling.dry_multiplier = 0.8f;
      if (i % 3 == 2) request.sampling.counts_answer_alone = true;
      if (i % 7 == 5) request.stop = {"bbabb", "abaa"};
      if (i % 4 == 0) request.logprob_count.reset();
    }
    return all;
  }

  RunOptions drafting(RunOptions options) const {
    options.draft_max = is_slow() ? 3 : 6;
    return options;
  }
};

TEST_P(SpeculationTest, DraftsChangeNoBit) {
  const std::vector<Request> all = repetitive_requests();
  const std::vector<Answer> expected = answers(options(), all);
  EXPECT_EQ(stats_.drafts.tokens, 0);
  expect_same(expected, answers(drafting(options()), all));
  EXPECT_TRUE(stats_.drafts.possible);
  EXPECT_GT(stats_.drafts.accepted, 0);
  EXPECT_GT(stats_.drafts.tokens, stats_.drafts.accepted);  // and wrong ones were not
  const auto& accepted_at = stats_.drafts.accepted_at;
  EXPECT_EQ(std::accumulate(accepted_at.begin(), accepted_at.end(), std::int64_t{0}), stats_.drafts.accepted);
  // One after another, where there is room for the longest drafts.
  for (std::size_t i = 0; i < std::min<std::size_t>(all.size(), is_slow() ? 2 : 24); ++i) {
    EXPECT_EQ(answers(drafting(options()), {all[i]}).front(), expected[i]) << "request " << i;
  }
}

TEST_P(SpeculationTest, DraftsChangeNoBitWithPreemptionAndAWarmCache) {
  std::vector<Request> all = repetitive_requests();
  if (is_slow()) all.resize(3);
  for (Request& request : all) {
    request.token_count_max = is_slow() ? 48 : 90;
    request.ignore_end = true;
    if (is_slow()) request.prompt.resize(std::min<std::size_t>(request.prompt.size(), 24));
  }
  const std::vector<Answer> expected = answers(options(), all);
  RunOptions scarce = drafting(options());
  scarce.cache_tokens = is_slow() ? 128 : 512;
  expect_same(expected, answers(scarce, all));
  EXPECT_GT(stats_.preemptions, 0);
  EXPECT_GT(stats_.drafts.accepted, 0);
  if (is_slow()) return;
  std::vector<Request> twice = all;
  for (Request request : all) {
    request.id += " again";
    twice.push_back(std::move(request));
  }
  const std::vector<Answer> warm = answers(drafting(options()), twice);
  EXPECT_GT(stats_.prefix_hit_tokens, 0);
  expect_same(expected, warm);
  expect_same(expected, {warm.begin() + std::ssize(all), warm.end()});
}

TEST_P(SpeculationTest, ModelsWithStatesAreNotDraftedFor) {
  model_ = "lfm2";
  std::vector<Request> all = repetitive_requests();
  all.resize(2);
  const std::vector<Answer> expected = answers(options(), all);
  expect_same(expected, answers(drafting(options()), all));
  EXPECT_FALSE(stats_.drafts.possible);
  EXPECT_EQ(stats_.drafts.tokens, 0);
}

INSTANTIATE_TEST_SUITE_P(Devices, ExactnessTest, testing::ValuesIn(setups()), kernel_testing::name_of_device);
INSTANTIATE_TEST_SUITE_P(Devices, SpeculationTest, testing::ValuesIn(setups()), kernel_testing::name_of_device);

}  // namespace
}  // namespace hearth::engine_testing
