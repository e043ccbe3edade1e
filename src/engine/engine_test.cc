// The engine's promises to its callers: one end for each request, whatever happens, and from whichever thread.
#include "engine/engine.h"

#include <gtest/gtest.h>

#include <atomic>
#include <boost/json/parse.hpp>
#include <cmath>
#include <limits>
#include <thread>

#include "device/cpu/cpu_device.h"
#include "engine/testing/engine_run.h"
#include "grammar/recognizer.h"
#include "grammar/rules.h"
#include "grammar/schema_compiler.h"

namespace hearth::engine_testing {
namespace {

using namespace std::chrono_literals;

class EngineTest : public testing::Test {
 protected:
  // Runs the engine on a thread of its own while `use` talks to it, and then drains it.
  void serve(EngineRun& run, const std::function<void()>& use) {
    std::thread engine([&] { run.engine().run(); });
    use();
    run.engine().drain();
    engine.join();
    run.expect_idle();
  }

  static Request request(std::string id, std::int64_t prompt_length, std::int64_t token_count) {
    std::mt19937 random(static_cast<unsigned>(prompt_length));
    Request made = sampled_request(std::move(id), random_prompt(random, prompt_length), token_count, 1);
    made.ignore_end = true;
    made.logprob_count.reset();
    return made;
  }

  // Waits until it is so; a test that waits for a minute has failed.
  static void wait_until(const std::function<bool()>& condition) {
    for (int i = 0; i < 60'000 && !condition(); ++i) std::this_thread::sleep_for(1ms);
    ASSERT_TRUE(condition());
  }

  CpuDevice device{2, usable_instruction_sets().back()};
};

TEST_F(EngineTest, AnswersWhatWasAskedFor) {
  EngineRun run(device, {});
  const auto whole = run.submit(request("a", 10, 20));
  Request limited = request("b", 10, 5);
  limited.logprob_count = 2;
  const auto shorter = run.submit(limited);
  const auto full = run.submit(request("c", 250, -1));
  run.finish();
  run.expect_idle();
  const Answer a = whole->answer(), b = shorter->answer(), c = full->answer();
  EXPECT_EQ(a.end.reason, FinishReason::kLength);
  EXPECT_EQ(a.ids.size(), 20u);
  EXPECT_TRUE(std::equal(b.ids.begin(), b.ids.end(), a.ids.begin()));
  EXPECT_EQ(b.logprobs.size(), 15u);
  for (const float logprob : b.logprobs) EXPECT_LE(logprob, 0.0f);
  // 250 tokens and 6 more fill the context of 256; one follows that is not computed.
  EXPECT_EQ(c.end.reason, FinishReason::kContext);
  EXPECT_EQ(c.ids.size(), 7u);
  EXPECT_EQ(c.end.usage.prompt_tokens, 250);
  EXPECT_EQ(c.end.usage.generated_tokens, 7);
  EXPECT_LE(a.end.timeline.submitted, a.end.timeline.admitted);
  EXPECT_LE(a.end.timeline.admitted, a.end.timeline.first_token);
  EXPECT_LE(a.end.timeline.first_token, a.end.timeline.finished);
}

// A model with random weights would write anything.
TEST_F(EngineTest, AnswersObeyTheirGrammar) {
  const auto schema = compile_schema(boost::json::parse(
      R"({"type":"object","required":["n","s"],"additionalProperties":false,
          "properties":{"n":{"type":"array","items":{"type":"integer","maximum":999,"minimum":0},"maxItems":3},
                        "s":{"type":"string","pattern":"^[a-z]{2,5}$"}}})"));
  EngineRun run(device, {.context = 512});
  std::vector<std::shared_ptr<Recorder>> recorders;
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    Request asked = request("schema " + std::to_string(seed), 10 + static_cast<std::int64_t>(seed), 200);
    asked.sampling.seed = seed;
    asked.sampling.temperature = 1.5f;
    asked.sampling.logit_bias = {{'z', std::numeric_limits<float>::infinity()}};
    asked.grammar = GrammarRequest{{}, schema, {}};
    recorders.push_back(run.submit(asked));
  }
  Request words = request("words", 20, 50);
  words.grammar = GrammarRequest{{}, compile_choices({"yes", "no"}), {}};
  const auto word = run.submit(words);
  run.finish();
  run.expect_idle();
  for (const auto& recorder : recorders) {
    const Answer answer = recorder->answer();
    EXPECT_EQ(answer.end.error, "");
    EXPECT_EQ(answer.end.reason, FinishReason::kStop) << answer.text;
    EXPECT_TRUE(Recognizer(schema).accepts(answer.text)) << answer.text;
  }
  EXPECT_TRUE(word->answer().text == "yes" || word->answer().text == "no") << word->answer().text;
}

// Until its mark has come anything may, but the end.
TEST_F(EngineTest, AGrammarBeginsAfterItsMark) {
  EngineRun run(device, {});
  Request asked = request("late", 10, 100);
  asked.ignore_end = false;
  asked.sampling.temperature = 2.0f;
  asked.sampling.logit_bias = {{EngineRun::kEnd, 50.0f}, {*run.tokenizer().find("e"), 12.0f}};
  asked.grammar = GrammarRequest{{}, compile_choices({"yes", "no"}), "e"};
  const auto recorder = run.submit(asked);
  run.finish();
  const std::string text = recorder->answer().text;
  const std::size_t mark = text.find('e');
  ASSERT_NE(mark, std::string::npos) << text;
  EXPECT_TRUE(text.substr(mark + 1) == "yes" || text.substr(mark + 1) == "no") << text;
  EXPECT_EQ(recorder->answer().end.reason, FinishReason::kStop);
}

TEST_F(EngineTest, LogProbabilitiesSumToOne) {
  EngineRun run(device, {});
  Request asked = request("a", 10, 3);
  asked.logprob_count = 320;
  const auto recorder = run.submit(asked);
  run.finish();
  const Answer answer = recorder->answer();
  ASSERT_EQ(answer.logprobs.size(), 3u * 321);
  for (std::size_t token = 0; token < 3; ++token) {
    double sum = 0;
    for (std::size_t i = 1; i <= 320; ++i) {
      sum += std::exp(static_cast<double>(answer.logprobs[token * 321 + i]));
      EXPECT_TRUE(i == 1 || answer.logprobs[token * 321 + i] <= answer.logprobs[token * 321 + i - 1]);
    }
    EXPECT_NEAR(sum, 1, 1e-4);
  }
}

TEST_F(EngineTest, StopsBeforeAStopText) {
  std::string text;
  {
    EngineRun run(device, {});
    const auto recorder = run.submit(request("a", 12, 60));
    run.finish();
    text = recorder->answer().text;
  }
  ASSERT_GT(text.size(), 24u);
  // A text of several tokens in the middle of the answer.
  std::size_t at = 12;
  while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80) ++at;
  const std::string stop = text.substr(at, 6);
  const std::size_t first = text.find(stop);
  EngineRun run(device, {});
  Request stopped = request("a", 12, 60);
  stopped.stop = {"no such text", stop};
  const auto recorder = run.submit(stopped);
  const auto other = run.submit(request("b", 12, 60));
  run.finish();
  run.expect_idle();
  const Answer answer = recorder->answer();
  EXPECT_EQ(answer.text, text.substr(0, first));
  EXPECT_EQ(answer.end.reason, FinishReason::kStop);
  EXPECT_EQ(answer.end.stop_text, stop);
  EXPECT_EQ(other->answer().text, text);
}

// An answer's tokens are as likely in a prompt as they were when they were chosen, to the bit, however the prompt is
// cut.
TEST_F(EngineTest, ScoresAPrompt) {
  Request asked = request("a", 12, 30);
  asked.logprob_count = 0;
  EngineRun alone(device, {});
  const auto recorder = alone.submit(asked);
  alone.finish();
  const Answer answer = recorder->answer();
  Request scored = request("b", 12, 0);
  scored.prompt.insert(scored.prompt.end(), answer.ids.begin(), answer.ids.end());
  scored.logprob_count = 0;
  scored.logprobs_of_prompt = true;
  EngineRun run(device, {.step_tokens = 16});
  const auto company = run.submit(request("c", 20, 40));
  const auto scores = run.submit(scored);
  run.finish();
  run.expect_idle();
  const GenerationEnd end = scores->answer().end;
  EXPECT_EQ(end.reason, FinishReason::kLength);
  EXPECT_EQ(end.usage.generated_tokens, 0);
  ASSERT_EQ(end.prompt.size(), 42u);
  EXPECT_FALSE(end.prompt[0].logprob);
  ASSERT_EQ(answer.logprobs.size(), 30u);
  for (std::size_t i = 0; i < 30; ++i) {
    EXPECT_EQ(end.prompt[12 + i].id, answer.ids[i]);
    EXPECT_EQ(end.prompt[12 + i].logprob, answer.logprobs[i]);
  }
}

TEST_F(EngineTest, EmbedsAPrompt) {
  EngineRun run(device, {.step_tokens = 16});
  Request asked = request("a", 40, -1);
  asked.embed = true;
  const auto recorder = run.submit(asked);
  run.finish();
  run.expect_idle();
  const Answer answer = recorder->answer();
  EXPECT_TRUE(answer.ids.empty());
  EXPECT_EQ(answer.end.reason, FinishReason::kStop);
  ASSERT_EQ(answer.end.embedding.size(), 64u);
  // The norm's output: of the size of one, whatever the model.
  double sum = 0;
  for (const float x : answer.end.embedding) sum += static_cast<double>(x) * static_cast<double>(x);
  EXPECT_GT(sum, 1);
  EXPECT_LT(sum, 640);
}

TEST_F(EngineTest, EndOfGenerationEndsTheAnswerUnlessIgnored) {
  EngineRun run(device, {});
  Request ending = request("a", 10, 10);
  ending.ignore_end = false;
  ending.sampling.logit_bias[EngineRun::kEnd] = 1000;
  const auto ended = run.submit(ending);
  Request going_on = ending;
  going_on.id = "b";
  going_on.ignore_end = true;
  const auto went_on = run.submit(going_on);
  run.finish();
  EXPECT_EQ(ended->answer().end.reason, FinishReason::kStop);
  EXPECT_EQ(ended->answer().ids, std::vector<TokenId>{EngineRun::kEnd});
  EXPECT_EQ(ended->answer().text, "");
  EXPECT_EQ(went_on->answer().ids.size(), 10u);
}

TEST_F(EngineTest, RefusesWhatCannotBe) {
  EngineRun run(device, {.queue = 2});
  EXPECT_THROW(run.submit(request("a", 0, 1)), InvalidInput);
  EXPECT_THROW(run.submit(request("a", 257, 1)), ContextExceeded);
  Request bad = request("a", 5, 1);
  bad.prompt[2] = 320;
  EXPECT_THROW(run.submit(bad), InvalidInput);
  bad = request("a", 5, 1);
  bad.stop = {""};
  EXPECT_THROW(run.submit(bad), InvalidInput);
  bad = request("a", 5, 1);
  bad.sampling.top_p = 2;
  EXPECT_THROW(run.submit(bad), InvalidInput);
  run.submit(request("a", 5, 1));
  run.submit(request("b", 5, 1));
  EXPECT_THROW(run.submit(request("c", 5, 1)), QueueFull);
  run.engine().drain();
  EXPECT_THROW(run.submit(request("d", 5, 1)), QueueFull);
  run.engine().run();
  run.expect_idle();
}

TEST_F(EngineTest, CancelsWithinAStep) {
  EngineRun run(device, {.context = 512});
  serve(run, [&] {
    const auto endless = run.submit(request("endless", 5, -1)), waiting = run.submit(request("other", 5, 30));
    wait_until([&] { return endless->token_count() > 3; });
    run.engine().cancel("endless");
    run.engine().cancel("nobody");
    wait_until([&] { return endless->answer().ended && waiting->answer().ended; });
    EXPECT_EQ(endless->answer().end.reason, FinishReason::kCancelled);
    EXPECT_EQ(waiting->answer().end.reason, FinishReason::kLength);
  });
}

TEST_F(EngineTest, DeadlinesEndRequests) {
  EngineRun run(device, {});
  Request late = request("late", 5, -1);
  late.deadline = EngineClock::now() - 1s;
  const auto recorder = run.submit(late);
  run.finish();
  run.expect_idle();
  EXPECT_EQ(recorder->answer().end.reason, FinishReason::kDeadline);
}

TEST_F(EngineTest, EveryRequestEndsOnceWhateverHappens) {
  EngineRun run(device, {.context = 128, .sequences = 16, .cache_tokens = 512});
  std::vector<std::vector<std::shared_ptr<Recorder>>> recorders(4);
  serve(run, [&] {
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < recorders.size(); ++t) {
      threads.emplace_back([&, t] {
        std::mt19937 random(static_cast<unsigned>(t));
        for (int i = 0; i < 50; ++i) {
          const std::string id = std::to_string(t) + "." + std::to_string(i);
          recorders[t].push_back(run.submit(request(id, 1 + static_cast<std::int64_t>(random() % 80), 40)));
          if (random() % 3 == 0) run.engine().cancel(std::to_string(t) + "." + std::to_string(random() % 50));
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  });
  std::int64_t finished = 0;
  for (const auto& of_thread : recorders) {
    for (const auto& recorder : of_thread) {
      EXPECT_TRUE(recorder->answer().ended);
      finished += recorder->answer().end.reason == FinishReason::kLength ? 1 : 0;
    }
  }
  EXPECT_GT(finished, 100);
}

TEST_F(EngineTest, StopCancelsWhatIsUnderWay) {
  EngineRun run(device, {.context = 512});
  const auto running = run.submit(request("a", 5, -1));
  run.engine().on_step([&](const StepRecord&) {
    if (running->token_count() == 5) run.engine().stop();
  });
  run.engine().run();
  EXPECT_TRUE(running->answer().ended);
  EXPECT_EQ(running->answer().end.reason, FinishReason::kCancelled);
}

TEST_F(EngineTest, AFaultFailsEveryRequestAndIsThrown) {
  EngineRun run(device, {});
  const auto a = run.submit(request("a", 5, -1)), b = run.submit(request("b", 5, -1));
  run.engine().on_step([&](const StepRecord&) { throw DeviceError("the device is gone"); });
  EXPECT_THROW(run.engine().run(), DeviceError);
  for (const auto& recorder : {a, b}) {
    EXPECT_EQ(recorder->answer().end.reason, FinishReason::kFailed);
    EXPECT_EQ(recorder->answer().end.error, "the device is gone");
  }
  EXPECT_THROW(run.submit(request("c", 5, 1)), QueueFull);
}

// A long beginning that many share is computed once, also where they come at the same time.
TEST_F(EngineTest, ASharedPromptIsComputedOnce) {
  EngineRun run(device, {.context = 512, .step_tokens = 128, .sequences = 32});
  std::mt19937 random(3);
  const std::vector<TokenId> system = random_prompt(random, 384);
  std::vector<std::shared_ptr<Recorder>> recorders;
  for (int i = 0; i < 16; ++i) {
    Request asked = request(std::to_string(i), 8, 4);
    asked.prompt.insert(asked.prompt.begin(), system.begin(), system.end());
    asked.prompt.back() = i;
    recorders.push_back(run.submit(std::move(asked)));
  }
  run.finish();
  EXPECT_EQ(run.engine().stats().prompt_tokens, 384 + 16 * 8);
  EXPECT_EQ(recorders.front()->answer().end.usage.cached_tokens, 0);
  EXPECT_EQ(recorders.back()->answer().end.usage.cached_tokens, 384);
}

}  // namespace
}  // namespace hearth::engine_testing
