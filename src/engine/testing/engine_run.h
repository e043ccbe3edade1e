// For tests: an engine over one of the small checkpoints, on any device, with a vocabulary of bytes; and what became of
// the requests that it was given.
#pragma once

#include <gtest/gtest.h>

#include <boost/json/object.hpp>
#include <cstdint>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "model/backend.h"
#include "model/testing/fixture.h"
#include "text/tokenizers/gguf_metadata_builder.h"
#include "weights/model_source.h"

namespace hearth::engine_testing {

// All that a request led to; two are equal only if every bit of the answer is.
struct Answer {
  std::vector<TokenId> ids;
  std::vector<float> logprobs;  // of the chosen and of the likeliest: the logits' bits, nearly
  std::string text;
  bool ended = false;  // then `end` is there
  GenerationEnd end;

  friend bool operator==(const Answer& a, const Answer& b) {
    return a.ids == b.ids && a.logprobs == b.logprobs && a.text == b.text && a.end.reason == b.end.reason &&
           a.end.stop_text == b.end.stop_text && a.end.embedding == b.end.embedding &&
           a.end.usage.generated_tokens == b.end.usage.generated_tokens;
  }
};

inline std::ostream& operator<<(std::ostream& out, const Answer& answer) {
  out << finish_reason_name(answer.end.reason) << " after";
  for (const TokenId id : answer.ids) out << ' ' << id;
  return out;
}

// May be asked from any thread.
class Recorder final : public EventSink {
 public:
  void on_token(GeneratedToken token) override {
    const std::lock_guard lock(mutex_);
    EXPECT_FALSE(answer_.ended);
    answer_.ids.push_back(token.id);
    answer_.text += token.text;
    if (token.logprob) answer_.logprobs.push_back(*token.logprob);
    for (const TokenLogprob& top : token.top_logprobs) answer_.logprobs.push_back(top.logprob);
  }
  void on_end(GenerationEnd end) override {
    const std::lock_guard lock(mutex_);
    EXPECT_FALSE(answer_.ended);
    answer_.ended = true;
    answer_.text += end.text;
    answer_.end = std::move(end);
  }
  Answer answer() const {
    const std::lock_guard lock(mutex_);
    return answer_;
  }
  std::size_t token_count() const {
    const std::lock_guard lock(mutex_);
    return answer_.ids.size();
  }

 private:
  mutable std::mutex mutex_;
  Answer answer_;
};

struct RunOptions {
  ComputeMode compute = ComputeMode::kAuto;
  std::int64_t context = 256;
  std::int64_t step_tokens = 64;
  std::int64_t sequences = 64;
  std::int64_t cache_tokens = 0;
  std::int64_t chunk = 0;
  std::int64_t queue = 4096;
  std::int64_t checkpoint_tokens = 64;
  std::int64_t draft_max = 0;  // tokens drafted whatever they cost; 0: none
  bool experts_on_host = false;
};

inline Speculation speculation_of(const RunOptions& options) {
  if (options.draft_max == 0) return {};
  return {.mode = Speculation::Mode::kNgram, .draft_max = options.draft_max, .adapts = false};
}

class EngineRun {
 public:
  EngineRun(Device& device, const RunOptions& options, const std::string& model = "llama3-rope")
      : EngineRun(device, options, ModelSource::open(model_testing::data_folder() / "hf" / model), byte_tokenizer()) {}

  EngineRun(Device& device, const RunOptions& options, std::unique_ptr<ModelSource> source,
            std::unique_ptr<Tokenizer> tokenizer)
      : source_(std::move(source)),
        stream_(device.open_stream()),
        tokenizer_(std::move(tokenizer)),
        chosen_(backend_for(device, options.compute)),
        pass_(*source_, chosen_.backend,
              {.compute = chosen_.compute,
               .context = options.context,
               .sequences_max = options.sequences,
               .cache_tokens = options.cache_tokens,
               .step_tokens_max = options.step_tokens,
               .logit_rows_max = options.sequences,
               .draft_rows_max = speculation_of(options).draft_rows_max(options.sequences),
               .sampling = true,
               .checkpoints = true,
               .experts_on_host = options.experts_on_host}) {
    const Ledger before = device.ledger();
    pass_.load(*stream_);
    engine_ = std::make_unique<Engine>(pass_, *stream_, *tokenizer_,
                                       EngineOptions{.queue_max = options.queue,
                                                     .chunk_tokens_max = options.chunk,
                                                     .checkpoint_tokens = options.checkpoint_tokens,
                                                     .speculation = speculation_of(options)});
    EXPECT_EQ(device.ledger().allocated_bytes - before.allocated_bytes, pass_.memory_plan().total_bytes());
    EXPECT_EQ(device.ledger().allocation_count - before.allocation_count, 1);
    EXPECT_EQ(pass_.arena().taken_bytes(), pass_.memory_plan().total_bytes());
  }

  Engine& engine() { return *engine_; }
  const ForwardPass& pass() const { return pass_; }
  const Tokenizer& tokenizer() const { return *tokenizer_; }

  std::shared_ptr<Recorder> submit(Request request) {
    auto recorder = std::make_shared<Recorder>();
    engine_->submit(std::move(request), recorder);
    return recorder;
  }

  // Serves what was submitted, to the end, on this thread.
  void finish() {
    engine_->drain();
    engine_->run();
  }

  // Everything was given back.
  void expect_idle() const {
    const EngineStats stats = engine_->stats();
    EXPECT_EQ(stats.running, 0);
    EXPECT_EQ(stats.waiting, 0);
    EXPECT_EQ(stats.blocks_in_use, 0);
  }

  static std::unique_ptr<Tokenizer> byte_tokenizer() {
    GgufMetadataBuilder builder;
    const std::vector<std::string> tokens = byte_level_tokens();
    builder.text("tokenizer.ggml.model", "gpt2").text("tokenizer.ggml.pre", "gpt-2");
    builder.texts("tokenizer.ggml.tokens", tokens).texts("tokenizer.ggml.merges", {});
    builder.integers("tokenizer.ggml.token_type", std::vector<std::int32_t>(tokens.size(), 1));
    builder.id("tokenizer.ggml.eos_token_id", kEnd);
    return Tokenizer::from_gguf(builder.metadata());
  }
  static constexpr TokenId kEnd = 7;  // ends an answer; rarely likely

 private:
  std::unique_ptr<ModelSource> source_;
  std::unique_ptr<Stream> stream_;
  std::unique_ptr<Tokenizer> tokenizer_;
  ChosenBackend chosen_;
  ForwardPass pass_;
  std::unique_ptr<Engine> engine_;
};

inline std::vector<TokenId> random_prompt(std::mt19937& random, std::int64_t length) {
  std::vector<TokenId> prompt(static_cast<std::size_t>(length));
  for (TokenId& id : prompt) id = static_cast<TokenId>(random() % 320);
  return prompt;
}

// Calls of one tool, with an object of any properties, which `open` begins in the text.
inline CallGrammarRequest object_calls(std::string open) {
  CallGrammar calls;
  calls.syntaxes.emplace_back();
  calls.syntaxes.back().form = CallForm::kObject;
  calls.syntaxes.back().call_open = std::move(open);
  calls.tools = {{{"f", "fg"}, boost::json::object{{"type", "object"}}, false}};
  return {source_of(calls), compile_calls(calls), call_marks(calls), {}, false};
}

inline Request sampled_request(std::string id, std::vector<TokenId> prompt, std::int64_t token_count,
                               std::uint64_t seed) {
  Request request;
  request.id = std::move(id);
  request.prompt = std::move(prompt);
  request.token_count_max = token_count;
  request.sampling.seed = seed;
  request.sampling.temperature = 1.0f;
  request.sampling.repeat_penalty = 1.1f;
  request.logprob_count = 3;
  return request;
}

}  // namespace hearth::engine_testing
