// What the engine is asked for, and what it answers: tokens as they come, and one end.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "grammar/call_grammar.h"
#include "grammar/grammar_source.h"
#include "sampling/sampler_options.h"
#include "text/tokenizers/vocabulary.h"

namespace hearth {

using EngineClock = std::chrono::steady_clock;

inline double seconds_between(EngineClock::time_point from, EngineClock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}
// A time that was not reached is the epoch.
inline bool reached(EngineClock::time_point time) {
  return time != EngineClock::time_point{};
}

// What the answer's text must be. Where its grammar has the mark that opens thoughts (GrammarSource::Kind::kAnswer),
// these may come before.
struct GrammarRequest {
  GrammarSource source;  // for the record; compiled:
  std::shared_ptr<const Grammar> grammar;
  // It is binding after this text, which the model writes when it likes (the end of its thinking); empty: at once.
  std::string begin_after;
};

// What the calls of tools in an answer must be, from the mark that begins them on; other text is free.
struct CallGrammarRequest {
  GrammarSource source;  // of the kind kCalls; compiled:
  std::shared_ptr<const Grammar> grammar;
  CallMarks marks;
  std::string begun;            // a call's beginning, at the prompt's end
  bool ends_with_call = false;  // the answer is over with the first one
};

// More thoughts than any context holds.
inline constexpr std::int64_t kThoughtsUnbounded = std::int64_t{1} << 40;

// What the model thinks before it answers.
struct ThinkingRequest {
  std::string open = {}, close = {};  // the marks around; empty: it does not think
  bool is_open = false;               // the prompt ends within it
  bool may_come_anywhere = false;     // else at the answer's beginning
  std::string end = {};               // what ends it where there is no more room; empty: `close`
  std::int64_t token_count_max = -1;  // then `end` follows, whatever the model would have said; below 0: no bound
};

struct Request {
  std::string id;               // of the caller's choosing, unlike that of any other request under way
  std::vector<TokenId> prompt;  // not empty
  SamplerOptions sampling;
  std::uint32_t choice_index = 0;     // of several answers to one prompt with one seed
  std::int64_t token_count_max = -1;  // of the answer; below 0: until the context is full; 0: the prompt alone
  // The answer ends before the first of these texts, or of these special tokens; none is empty.
  std::vector<std::string> stop;
  bool ignore_end = false;           // end-of-generation tokens are tokens like others
  bool show_special = false;         // control tokens are spelt out in the text
  std::optional<int> logprob_count;  // each token comes with its log-probability and those of the likeliest so many
  bool logprobs_of_prompt = false;   // the prompt's tokens come with theirs as well
  std::int32_t priority = 0;         // higher first
  bool use_prefix_cache = true;      // read what other requests have computed, and let them find what this one does
  std::optional<GrammarRequest> grammar;
  std::optional<CallGrammarRequest> calls;
  ThinkingRequest thinking;
  bool embed = false;                               // no answer: GenerationEnd::embedding of the prompt
  std::int64_t second_begin = 0;                    // of a prompt of two texts: where the second begins; 0: it is one
  std::optional<EngineClock::time_point> deadline;  // past it the request ends, wherever it is
};

// A token's natural logarithm of probability in the model's own distribution, before any sampling option.
struct TokenLogprob {
  TokenId id = 0;
  float logprob = 0;
};

struct GeneratedToken {
  TokenId id = 0;
  // What the token makes certain: whole characters, and nothing that may become part of a stop text. Often empty, and
  // not the token's own text where earlier ones were held back.
  std::string text;
  std::optional<float> logprob;            // where they were asked for
  std::vector<TokenLogprob> top_logprobs;  // likeliest first; equal ones by id
  EngineClock::time_point time{};
  // Request::logprobs_of_prompt: with an answer's first token, the prompt's, without text; the first has no
  // log-probability. Where there is no token they come with the end.
  std::vector<GeneratedToken> prompt = {};
};

enum class FinishReason : std::uint8_t {
  kStop,       // an end-of-generation token or a stop text
  kLength,     // token_count_max
  kContext,    // the context is full
  kCancelled,  // by cancel() or at the engine's stop
  kDeadline,
  kFailed,  // GenerationEnd::error says why
};
std::string_view finish_reason_name(FinishReason reason);  // "stop", "length", "context", "cancelled", …

struct Usage {
  std::int64_t prompt_tokens = 0;
  std::int64_t cached_tokens = 0;  // of the prompt, not computed because an earlier request had
  std::int64_t generated_tokens = 0;
  std::int64_t reasoning_tokens = 0;  // of the generated ones; who takes the answer apart counts them
};

// A request's life, as far as it was reached().
struct Timeline {
  struct Chunk {
    EngineClock::time_point time{};  // when the step was done
    std::int64_t token_count = 0;
  };
  EngineClock::time_point submitted{}, admitted{}, first_token{}, finished{};
  std::vector<Chunk> prompt_chunks;  // also those after a preemption
  std::int64_t preemption_count = 0;
};

struct GenerationEnd {
  FinishReason reason = FinishReason::kStop;
  std::string text;                    // what was held back and belongs to the answer after all
  std::string stop_text;               // the member of Request::stop that was found; empty: none
  std::string error;                   // kFailed
  std::vector<GeneratedToken> prompt;  // as GeneratedToken's
  std::vector<float> embedding;        // Request::embed: the prompt's states, pooled (EngineOptions), not normalized
  Usage usage;
  Timeline timeline;
};

// Hears of one request. Called on the engine's thread: returns quickly, throws nothing, and does not call the engine.
class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void on_token(GeneratedToken token) = 0;
  virtual void on_end(GenerationEnd end) = 0;  // once, the last call
};

// The prompt alone does not fit the context.
class ContextExceeded : public InvalidInput {
 public:
  ContextExceeded(std::int64_t prompt_tokens, std::int64_t context);
  std::int64_t prompt_tokens() const { return prompt_tokens_; }
  std::int64_t context() const { return context_; }

 private:
  std::int64_t prompt_tokens_, context_;
};

// As many requests wait as the engine takes; or it takes none any more.
class QueueFull : public Error {
 public:
  using Error::Error;
};

}  // namespace hearth
