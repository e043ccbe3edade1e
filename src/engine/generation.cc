#include "engine/generation.h"

#include <utility>

#include "base/check.h"

namespace hearth {

Generation::Generation(Request request, std::shared_ptr<EventSink> sink, const StepSampler& sampler,
                       const Tokenizer& tokenizer, std::int64_t context)
    : request_(std::move(request)),
      sink_(std::move(sink)),
      state_(sampler.open(request_.sampling, request_.choice_index)),
      tokenizer_(tokenizer),
      context_(context),
      decoder_(tokenizer, request_.show_special),
      stops_(request_.stop) {
  for (const TokenId id : request_.prompt) StepSampler::accept(state_, id);
  usage_.prompt_tokens = std::ssize(request_.prompt);
}

std::optional<FinishReason> Generation::accept(StepSampler::Choice choice, EngineClock::time_point now) {
  CHECK(!accepted_ && choice.id >= 0);
  StepSampler::accept(state_, choice.id);
  if (usage_.generated_tokens++ == 0) timeline_.first_token = now;
  accepted_ = GeneratedToken{.id = choice.id,
                             .text = {},
                             .logprob = choice.logprob,
                             .top_logprobs = std::move(choice.top_logprobs),
                             .time = now};
  const bool known = choice.id < tokenizer_.vocab_size();
  accepted_ends_ = known && !request_.ignore_end && tokenizer_.is_end_of_generation(choice.id);
  if (accepted_ends_) return FinishReason::kStop;
  if (usage_.generated_tokens == request_.token_count_max) return FinishReason::kLength;
  // The token itself cannot be computed any more.
  if (usage_.prompt_tokens + usage_.generated_tokens > context_) return FinishReason::kContext;
  return std::nullopt;
}

bool Generation::deliver() {
  if (!accepted_ || stops_.found()) return false;
  GeneratedToken token = std::move(*accepted_);
  accepted_.reset();
  // A model may have more rows than its vocabulary has tokens.
  if (!accepted_ends_ && token.id < tokenizer_.vocab_size()) token.text = stops_.push(decoder_.push(token.id));
  sink_->on_token(std::move(token));
  return stops_.found().has_value();
}

void Generation::end(FinishReason reason, std::string error) {
  deliver();
  GenerationEnd end;
  end.reason = reason;
  end.error = std::move(error);
  end.embedding = std::move(embedding_);
  end.usage = usage_;
  if (!stops_.found()) {
    end.text = stops_.push(decoder_.finish());
    if (!stops_.found()) end.text += stops_.finish();
  }
  if (stops_.found()) {
    end.stop_text = *stops_.found();
    if (reason == FinishReason::kLength || reason == FinishReason::kContext) end.reason = FinishReason::kStop;
  }
  timeline_.finished = EngineClock::now();
  end.timeline = std::move(timeline_);
  sink_->on_end(std::move(end));
}

}  // namespace hearth
