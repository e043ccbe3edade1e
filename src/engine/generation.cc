#include "engine/generation.h"

#include <algorithm>
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

Generation::Generation(Request request, const StepSampler& sampler, const Tokenizer& tokenizer, Options options)
    : request_(std::move(request)),
      state_(sampler.open(request_.sampling, request_.choice_index)),
      tokenizer_(tokenizer),
      context_(options.context),
      decoder_(tokenizer, request_.show_special),
      stops_(request_.stop) {
  for (const TokenId id : request_.prompt) StepSampler::accept_prompt(state_, id);
  for (const std::string& stop : request_.stop) {
    const auto id = tokenizer.find(stop);
    if (id && tokenizer.is_special(*id)) stop_tokens_.emplace_back(*id, stop);
  }
  usage_.prompt_tokens = std::ssize(request_.prompt);
  if (GrammarFollower::is_needed(request_)) grammar_.emplace(request_, tokenizer, std::move(options.vocabulary));
  if (!options.drafts || request_.embed) return;
  drafter_.emplace();
  for (const TokenId id : request_.prompt) drafter_->push(id);
}

void Generation::add_rows(std::int64_t position, std::int64_t row, std::span<const TokenId> draft,
                          std::vector<StepSampler::Row>& rows) {
  rows.push_back({&state_, position, row, request_.logprob_count});
  if (grammar_) {
    try {
      rows.back().mask = grammar_->mask();
    } catch (const Error& error) {
      grammar_error_ = error.what();
      return;
    }
  }
  const bool is_over = grammar_ && grammar_->is_over();  // and it only is to be ended
  if (!draft.empty() && !is_over) add_drafted_rows(draft, rows);
}

// Up to where a token cannot come, or nothing can come after it.
void Generation::add_drafted_rows(std::span<const TokenId> draft, std::vector<StepSampler::Row>& rows) {
  std::optional<GrammarFollower> ahead = grammar_;
  drafted_masks_.clear();
  for (std::size_t i = 0; i < draft.size(); ++i) {
    const auto id = static_cast<std::uint32_t>(draft[i]);
    StepSampler::Row next = rows.back();
    if (ends_answer(draft[i]) || (!next.mask.empty() && (next.mask[id / 32] >> id % 32 & 1) == 0)) return;
    ++next.position;
    ++next.row;
    next.drafted = draft.first(i + 1);
    try {
      if (ahead) ahead->accept(draft[i]);
      if (ahead && ahead->is_over()) return;
      const auto mask = ahead ? ahead->mask() : std::span<const std::uint32_t>();
      next.mask = mask.empty() ? mask : drafted_masks_.emplace_back(mask.begin(), mask.end());
    } catch (const Error&) {
      return;  // if the token is chosen, the next step fails, and says why
    }
    rows.push_back(next);
  }
}

Drafter::Draft Generation::draft(std::int64_t count_max) {
  if (!drafter_) return {};
  // One more is chosen in any case.
  if (request_.token_count_max >= 0)
    count_max = std::min(count_max, request_.token_count_max - usage_.generated_tokens - 1);
  return drafter_->draft(count_max);
}

void Generation::accept_score(std::int64_t position, StepSampler::Choice score) {
  if (prompt_.empty()) prompt_.push_back(prompt_token(request_.prompt.front()));
  if (position != std::ssize(prompt_)) return;  // computed again after a preemption
  prompt_.push_back(prompt_token(score.id));
  prompt_.back().logprob = score.logprob;
  prompt_.back().top_logprobs = std::move(score.top_logprobs);
}

bool Generation::ends_answer(TokenId id) const {
  if (id < tokenizer_.vocab_size() && !request_.ignore_end && tokenizer_.is_end_of_generation(id)) return true;
  return std::any_of(stop_tokens_.begin(), stop_tokens_.end(), [id](const auto& stop) { return stop.first == id; });
}

// Takes the grammar on by the token. Whether the answer is complete with it.
bool Generation::follow_grammar(Accepted& accepted) {
  if (!grammar_) return false;
  if (!accepted.ends && !std::exchange(accepted.followed, true)) {
    try {
      grammar_->accept(accepted.token.id);
    } catch (const Error& error) {
      grammar_error_ = error.what();
    }
  }
  return grammar_->is_over();
}

std::optional<FinishReason> Generation::accept(StepSampler::Choice choice, EngineClock::time_point now) {
  CHECK(choice.id >= 0);
  StepSampler::accept(state_, choice.id);
  if (drafter_) drafter_->push(choice.id);
  if (usage_.generated_tokens++ == 0) timeline_.first_token = now;
  Accepted& accepted = accepted_.emplace_back();
  accepted.token = GeneratedToken{.id = choice.id,
                                  .text = {},
                                  .logprob = choice.logprob,
                                  .top_logprobs = std::move(choice.top_logprobs),
                                  .time = now,
                                  .prompt = std::exchange(prompt_, {})};
  accepted.ends = ends_answer(choice.id);
  for (const auto& [id, text] : stop_tokens_) {
    if (id == choice.id) stop_token_text_ = text;
  }
  if (accepted.ends) return FinishReason::kStop;
  if (usage_.generated_tokens == request_.token_count_max) return FinishReason::kLength;
  // The token itself cannot be computed any more.
  if (usage_.prompt_tokens + usage_.generated_tokens > context_) return FinishReason::kContext;
  return std::nullopt;
}

void Generation::hand_over_first() {
  Accepted accepted = std::move(accepted_.front());
  accepted_.pop_front();
  GeneratedToken& token = accepted.token;
  // A model may have more rows than its vocabulary has tokens.
  if (!accepted.ends && token.id < tokenizer_.vocab_size()) token.text = stops_.push(decoder_.push(token.id));
  sink_->on_token(std::move(token));
}

// The answer was over before them.
void Generation::drop_accepted() {
  usage_.generated_tokens -= std::ssize(accepted_);
  accepted_.clear();
}

bool Generation::deliver() {
  while (!accepted_.empty() && !stops_.found()) {
    // Its text goes with the end: whoever reads it knows that the answer is over.
    if (follow_grammar(accepted_.front())) return true;
    hand_over_first();
  }
  return stops_.found().has_value();
}

void Generation::end(FinishReason reason, std::string error) {
  while (!accepted_.empty() && !stops_.found()) {
    const bool is_complete = follow_grammar(accepted_.front());
    hand_over_first();
    if (is_complete) break;
  }
  drop_accepted();
  const bool grammar_is_over = grammar_ && grammar_->is_over();
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
