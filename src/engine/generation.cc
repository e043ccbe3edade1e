#include "engine/generation.h"

#include <utility>

#include "base/check.h"

namespace hearth {
namespace {

GeneratedToken prompt_token(TokenId id) {
  GeneratedToken token;
  token.id = id;
  return token;
}

}  // namespace

Generation::Generation(Request request, const StepSampler& sampler, const Tokenizer& tokenizer, std::int64_t context,
                       std::shared_ptr<const GrammarVocabulary> vocabulary)
    : request_(std::move(request)),
      state_(sampler.open(request_.sampling, request_.choice_index)),
      tokenizer_(tokenizer),
      context_(context),
      decoder_(tokenizer, request_.show_special),
      stops_(request_.stop) {
  for (const TokenId id : request_.prompt) StepSampler::accept_prompt(state_, id);
  for (const std::string& stop : request_.stop) {
    const auto id = tokenizer.find(stop);
    if (id && tokenizer.is_special(*id)) stop_tokens_.emplace_back(*id, stop);
  }
  usage_.prompt_tokens = std::ssize(request_.prompt);
  if (GrammarFollower::is_needed(request_)) grammar_.emplace(request_, tokenizer, std::move(vocabulary));
}

StepSampler::Row Generation::row(std::int64_t position, std::int64_t row) {
  StepSampler::Row result{&state_, position, row, request_.logprob_count};
  if (!grammar_) return result;
  try {
    result.mask = grammar_->mask();
  } catch (const Error& error) {
    grammar_error_ = error.what();
  }
  return result;
}

void Generation::accept_score(std::int64_t position, StepSampler::Choice score) {
  if (prompt_.empty()) prompt_.push_back(prompt_token(request_.prompt.front()));
  if (position != std::ssize(prompt_)) return;  // computed again after a preemption
  prompt_.push_back(prompt_token(score.id));
  prompt_.back().logprob = score.logprob;
  prompt_.back().top_logprobs = std::move(score.top_logprobs);
}

// Takes the grammar on by the accepted token. Whether the answer is complete with it.
bool Generation::follow_grammar() {
  if (!grammar_) return false;
  if (accepted_ && !accepted_ends_ && !std::exchange(followed_, true)) {
    try {
      grammar_->accept(accepted_->id);
    } catch (const Error& error) {
      grammar_error_ = error.what();
    }
  }
  return grammar_->is_over();
}

std::optional<FinishReason> Generation::accept(StepSampler::Choice choice, EngineClock::time_point now) {
  CHECK(!accepted_ && choice.id >= 0);
  StepSampler::accept(state_, choice.id);
  if (usage_.generated_tokens++ == 0) timeline_.first_token = now;
  accepted_ = GeneratedToken{.id = choice.id,
                             .text = {},
                             .logprob = choice.logprob,
                             .top_logprobs = std::move(choice.top_logprobs),
                             .time = now,
                             .prompt = std::exchange(prompt_, {})};
  const bool known = choice.id < tokenizer_.vocab_size();
  followed_ = false;
  accepted_ends_ = known && !request_.ignore_end && tokenizer_.is_end_of_generation(choice.id);
  for (const auto& [id, text] : stop_tokens_) {
    if (id != choice.id) continue;
    stop_token_text_ = text;
    accepted_ends_ = true;
  }
  if (accepted_ends_) return FinishReason::kStop;
  if (usage_.generated_tokens == request_.token_count_max) return FinishReason::kLength;
  // The token itself cannot be computed any more.
  if (usage_.prompt_tokens + usage_.generated_tokens > context_) return FinishReason::kContext;
  return std::nullopt;
}

void Generation::hand_over() {
  GeneratedToken token = std::move(*accepted_);
  accepted_.reset();
  // A model may have more rows than its vocabulary has tokens.
  if (!accepted_ends_ && token.id < tokenizer_.vocab_size()) token.text = stops_.push(decoder_.push(token.id));
  sink_->on_token(std::move(token));
}

bool Generation::deliver() {
  if (!accepted_ || stops_.found()) return false;
  if (follow_grammar()) return true;  // its text goes with the end: whoever reads it knows that the answer is over
  hand_over();
  return stops_.found().has_value();
}

void Generation::end(FinishReason reason, std::string error) {
  const bool grammar_is_over = follow_grammar();
  if (accepted_ && !stops_.found()) hand_over();
  GenerationEnd end;
  end.reason = reason;
  end.error = std::move(error);
  if (request_.logprobs_of_prompt && reason == FinishReason::kLength && usage_.generated_tokens == 0) {
    if (prompt_.empty()) prompt_.push_back(prompt_token(request_.prompt.front()));
    end.prompt = std::move(prompt_);
  }
  end.embedding = std::move(embedding_);
  end.usage = usage_;
  if (!stops_.found()) {
    end.text = stops_.push(decoder_.finish());
    if (!stops_.found()) end.text += stops_.finish();
  }
  if (stops_.found()) end.stop_text = *stops_.found();
  if ((stops_.found() || grammar_is_over) && (reason == FinishReason::kLength || reason == FinishReason::kContext)) {
    end.reason = FinishReason::kStop;
  }
  if (end.stop_text.empty()) end.stop_text = stop_token_text_;
  timeline_.finished = EngineClock::now();
  end.timeline = std::move(timeline_);
  sink_->on_end(std::move(end));
}

}  // namespace hearth
