// Speculation on real text: 200 requests of every kind to the bundled model, 32 at once, and their answers are the bits
// that they are without drafts; repetitive ones take fewer steps.
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <filesystem>
#include <fstream>
#include <optional>

#include "device/cpu/cpu_device.h"
#include "engine/testing/engine_run.h"
#include "grammar/gbnf.h"
#include "grammar/schema_compiler.h"
#include "text/templates/chat_prompt.h"

namespace hearth::engine_testing {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

const fs::path kBundledFolder = fs::path(HEARTH_SOURCE_DIR) / "models";
const fs::path kBundledFile = kBundledFolder / "hearth-tales-9m-q8_0.gguf";

class BundledSpeculation : public testing::Test {
 protected:
  // Conversations of all tasks that the model knows, in turn.
  std::vector<std::vector<TokenId>> prompts(std::size_t count) const {
    const auto chat_template = ChatTemplate::from_source(*source_).value();
    std::map<std::string, std::vector<std::vector<TokenId>>, std::less<>> tasks;
    std::ifstream file(kBundledFolder / "heldout.jsonl");
    for (std::string line; std::getline(file, line);) {
      const json::value value = json::parse(line);
      auto& task = tasks[std::string(value.at("task").as_string())];
      if (task.size() * 8 > count) continue;
      json::object context{{"messages", value.at("messages")}};
      if (const json::value* tools = value.as_object().if_contains("tools")) context["tools"] = *tools;
      task.push_back(encode_chat(chat_template, *tokenizer_, std::move(context)));
    }
    std::vector<std::vector<TokenId>> result;
    for (std::size_t i = 0; result.size() < count; ++i) {
      for (const auto& [name, task] : tasks) result.push_back(task[i % task.size()]);
    }
    result.resize(count);
    return result;
  }

  std::vector<Request> requests(std::size_t count) const {
    const auto letters = compile_gbnf(R"(root ::= ("The " [a-z]{2,9} " is " [a-z]{2,9} ". "){1,6})");
    const auto schema = compile_schema(json::parse(
        R"({"type":"array","minItems":2,"maxItems":5,"items":{"type":"object","required":["name","age"],
            "additionalProperties":false,
            "properties":{"name":{"type":"string","maxLength":8},
                          "age":{"type":"integer","minimum":0,"maximum":99}}}})"));
    std::vector<Request> all;
    for (std::vector<TokenId>& prompt : prompts(count)) {
      const std::size_t i = all.size();
      Request& request = all.emplace_back(sampled_request(std::to_string(i), std::move(prompt), 40, i));
      request.logprob_count.reset();
      if (i % 2 == 0) request.sampling.temperature = 0;
      request.sampling.repeat_penalty = i % 5 == 0 ? 1.1f : 1.0f;
      if (i % 7 == 3) request.sampling.top_p = 0.9f;
      if (i % 7 == 4) request.sampling.top_k = 20;
      if (i % 6 == 1) request.logprob_count = 3;
      if (i % 6 == 2) request.stop = {" and", ". The"};
      if (i % 6 == 3) request.grammar = GrammarRequest{{}, schema, {}};
      if (i % 6 == 4) request.grammar = GrammarRequest{{}, letters, {}};
      if (i % 6 == 5) request.calls = object_calls(" a");
      request.ignore_end = i % 4 == 0;
      if (request.ignore_end) request.token_count_max = 120;
    }
    return all;
  }

  // With `draft_max` tokens drafted for each.
  std::vector<Answer> answers(const std::vector<Request>& requests, std::int64_t draft_max, std::int64_t cache_tokens,
                              std::int64_t sequences = 32) {
    RunOptions options{.context = 512, .step_tokens = 256, .sequences = sequences, .cache_tokens = cache_tokens};
    options.draft_max = draft_max;
    EngineRun run(device_, options, ModelSource::open(kBundledFile), Tokenizer::open(*source_));
    std::vector<std::shared_ptr<Recorder>> recorders;
    for (const Request& request : requests) recorders.push_back(run.submit(request));
    run.finish();
    run.expect_idle();
    stats_ = run.engine().stats();
    std::vector<Answer> result;
    for (const auto& recorder : recorders) result.push_back(recorder->answer());
    return result;
  }

  CpuDevice device_{2, usable_instruction_sets().back()};
  std::unique_ptr<ModelSource> source_ = ModelSource::open(kBundledFile);
  std::unique_ptr<Tokenizer> tokenizer_ = Tokenizer::open(*source_);
  EngineStats stats_;
};

TEST_F(BundledSpeculation, TwoHundredAnswersOfEveryKindAreTheSame) {
  const std::vector<Request> all = requests(200);
  const std::vector<Answer> plain = answers(all, 0, 0);
  EXPECT_EQ(stats_.drafts.tokens, 0);
  EXPECT_GT(stats_.prefix_hit_tokens, 0);
  // 32 together, and then in a cache that hardly holds a few of them.
  for (const std::int64_t cache_tokens : {0, 512}) {
    const std::vector<Answer> drafted = answers(all, 7, cache_tokens);
    for (std::size_t i = 0; i < all.size(); ++i) {
      EXPECT_EQ(plain[i].end.error, "") << "request " << i;
      EXPECT_EQ(drafted[i], plain[i]) << "request " << i;
    }
    EXPECT_GT(stats_.drafts.accepted, 300);
    EXPECT_GT(stats_.drafts.tokens, stats_.drafts.accepted + 300);
    if (cache_tokens == 0) EXPECT_GT(stats_.prefix_hit_tokens, 0);
  }
  EXPECT_GT(stats_.preemptions, 0);
}

// The model goes on with what it has said: where nothing is penalized, greedy answers without an end repeat themselves.
TEST_F(BundledSpeculation, ARepetitiveAnswerTakesFewerSteps) {
  Request request = sampled_request("a", tokenizer_->encode("one two three one two three one two three"), 200, 1);
  request.sampling = {};
  request.sampling.temperature = 0;
  request.ignore_end = true;
  const Answer plain = answers({request}, 0, 0, 1).front();
  const std::int64_t plain_steps = stats_.steps;
  EXPECT_EQ(answers({request}, 8, 0, 1).front(), plain);
  EXPECT_LT(stats_.steps, plain_steps * 2 / 3);
  EXPECT_GT(stats_.drafts.accepted, 80);
}

}  // namespace
}  // namespace hearth::engine_testing
