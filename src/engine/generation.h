// One request under way: its sampler, its text and its sink. On the engine's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/request.h"
#include "engine/step_sampler.h"
#include "text/tokenizers/stop_matcher.h"
#include "text/tokenizers/stream_decoder.h"

namespace hearth {

class Generation {
 public:
  // The request was found valid; `context` in tokens that are computed.
  Generation(Request request, std::shared_ptr<EventSink> sink, const StepSampler& sampler, const Tokenizer& tokenizer,
             std::int64_t context);

  const Request& request() const { return request_; }
  Timeline& timeline() { return timeline_; }
  Usage& usage() { return usage_; }
  StepSampler::Row row(std::int64_t position) { return {&state_, position, request_.logprob_count}; }

  // A token was chosen: remembers it for the sampler, and says why the answer ends with it, if it does. Cheap: the
  // device may be waiting. Its text follows with deliver().
  std::optional<FinishReason> accept(StepSampler::Choice choice, EngineClock::time_point now);
  // Turns what was accepted into text and tells the sink. True if a stop text ends the answer here; end(kStop) follows.
  bool deliver();
  // The prompt was computed, and this is what was asked for of it.
  void accept_embedding(std::vector<float> embedding) { embedding_ = std::move(embedding); }
  // Delivers, and tells the sink that it is over. The last call.
  void end(FinishReason reason, std::string error = {});

 private:
  Request request_;
  std::shared_ptr<EventSink> sink_;
  StepSampler::State state_;
  const Tokenizer& tokenizer_;
  std::int64_t context_;
  StreamDecoder decoder_;
  StopMatcher stops_;
  std::optional<GeneratedToken> accepted_;  // and not delivered
  bool accepted_ends_ = false;              // it is an end-of-generation token: it has no text
  std::vector<float> embedding_;
  Usage usage_;
  Timeline timeline_;
};

}  // namespace hearth
