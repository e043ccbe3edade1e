// One request under way: its sampler, its text and its sink. Made on any thread, then on the engine's.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/drafter.h"
#include "engine/grammar_follower.h"
#include "engine/request.h"
#include "engine/step_sampler.h"
#include "model/embedding.h"
#include "text/tokenizers/stop_matcher.h"
#include "text/tokenizers/stream_decoder.h"

namespace hearth {

class Generation {
 public:
  struct Options {
    std::int64_t context = 0;  // in tokens that are computed
    bool drafts = false;
    std::shared_ptr<const GrammarVocabulary> vocabulary;  // of a request with a grammar
  };
  // The request was found valid.
  Generation(Request request, const StepSampler& sampler, const Tokenizer& tokenizer, Options options);
  // Before all that follows: who hears of it.
  void open(std::shared_ptr<EventSink> sink) { sink_ = std::move(sink); }
  void share_masks(TokenMaskPool& pool) {
    if (grammar_) grammar_->join(pool);
  }

  const Request& request() const { return request_; }
  Timeline& timeline() { return timeline_; }
  Usage& usage() { return usage_; }
  // Adds the rows of logits from which tokens are chosen: that of `position` at `row`, and one after each token of
  // `draft`, as far as that may follow. With a grammar, finds the tokens that may come. Valid until accept().
  void add_rows(std::int64_t position, std::int64_t row, std::span<const TokenId> draft,
                std::vector<StepSampler::Row>& rows);
  // Tokens that may come next, without reaching the answer's end.
  Drafter::Draft draft(std::int64_t count_max);
  // As Drafter's.
  void judge_draft(std::int64_t tried, std::int64_t accepted) { drafter_->judge(tried, accepted); }
  // Why no token was possible, where the grammar is the reason.
  const std::string& grammar_error() const { return grammar_error_; }

  // A token was chosen: remembers it for the sampler, and says why the answer ends with it, if it does. Cheap: the
  // device may be waiting. Its text follows with deliver(). Several may be accepted before.
  std::optional<FinishReason> accept(StepSampler::Choice choice, EngineClock::time_point now);
  // Takes the grammar on by what was accepted, turns that into text and tells the sink. True if a stop text or the
  // grammar ends the answer here; end(kStop) follows, and brings the token that completes a grammar.
  bool deliver();
  // The log-probability of the prompt's token at `position`, from the logits after the one before.
  void accept_score(std::int64_t position, StepSampler::Choice score);
  // Of a prompt that is to be embedded, while it is computed.
  std::optional<Pooler>& pooler() { return pooler_; }
  // The prompt was computed, and this is what was asked for of it.
  void accept_embedding(std::vector<float> embedding) { embedding_ = std::move(embedding); }
  // Delivers, and tells the sink that it is over. The last call.
  void end(FinishReason reason, std::string error = {});

 private:
  struct Accepted {
    GeneratedToken token;
    bool ends = false;      // it ends the answer and has no text
    bool followed = false;  // the grammar has taken it
  };

  bool ends_answer(TokenId id) const;
  void add_drafted_rows(std::span<const TokenId> draft, std::vector<StepSampler::Row>& rows);
  bool follow_grammar(Accepted& accepted);
  void hand_over_first();
  void drop_accepted();

  Request request_;
  std::shared_ptr<EventSink> sink_;
  StepSampler::State state_;
  const Tokenizer& tokenizer_;
  std::optional<GrammarFollower> grammar_;
  std::string grammar_error_;
  std::int64_t context_;
  std::optional<Drafter> drafter_;
  std::vector<TokenMask> drafted_masks_;  // of the step's rows after drafted tokens
  StreamDecoder decoder_;
  StopMatcher stops_;
  std::deque<Accepted> accepted_;  // and not delivered
  // Stop texts that are one special token: where special tokens have no text, the token itself is the stop.
  std::vector<std::pair<TokenId, std::string>> stop_tokens_;
  std::string stop_token_text_;         // of the one that was chosen
  std::vector<GeneratedToken> prompt_;  // scored; goes with the first token
  std::optional<Pooler> pooler_;
  std::vector<float> embedding_;
  Usage usage_;
  Timeline timeline_;
};

}  // namespace hearth
