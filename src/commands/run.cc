#include "commands/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/object.hpp>
#include <cstdio>
#include <memory>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/json_value.h"
#include "commands/interrupt.h"
#include "engine/engine.h"
#include "text/templates/chat_prompt.h"

namespace hearth {
namespace {

// The context where nothing says how long the answer may be, and the least room for one.
constexpr std::int64_t kContextDefault = 8192;
constexpr std::int64_t kAnswerRoom = 2048;

std::optional<ChatTemplate> chat_template_for(const ModelSource& source, const RunOptions& options) {
  if (options.raw) return std::nullopt;
  try {
    auto found = ChatTemplate::from_source(source, options.chat_template);
    if (!found) std::fputs("note: the model has no chat template; the prompt is used as it is\n", stderr);
    return found;
  } catch (const InvalidInput& error) {
    if (!options.chat_template.empty()) throw;
    throw InvalidInput(
        fmt::format("the model's chat template cannot be used: {} (--raw sends the prompt without it, --chat-template "
                    "takes another one)",
                    error.what()));
  }
}

// The prompt's tokens: a conversation of one message where the model has a template for it.
std::vector<TokenId> prompt_tokens(const ModelSource& source, const Tokenizer& tokenizer, const RunOptions& options) {
  const auto chat_template = chat_template_for(source, options);
  if (!chat_template) return encode_prompt(tokenizer, options.prompt);
  boost::json::array messages;
  if (!options.system.empty()) messages.push_back({{"role", "system"}, {"content", options.system}});
  messages.push_back({{"role", "user"}, {"content", options.prompt}});
  try {
    std::vector<TokenId> prompt = encode_chat(*chat_template, tokenizer, {{"messages", std::move(messages)}});
    for (const std::string& finding : chat_template->findings(!options.system.empty())) {
      fmt::print(stderr, "note: {}\n", finding);
    }
    return prompt;
  } catch (const InvalidInput& error) {
    throw InvalidInput(fmt::format("{} (--raw sends the prompt without the model's chat template)", error.what()));
  }
}

std::int64_t context_for(const RunOptions& options, std::int64_t prompt_count, std::int64_t context_max) {
  if (options.model.context > 0) return options.model.context;
  if (options.token_count >= 0)
    return std::min(context_max, std::max<std::int64_t>(1, prompt_count + options.token_count));
  return std::min(context_max, std::max(kContextDefault, prompt_count + kAnswerRoom));
}

struct Outcome {
  std::string text;
  std::vector<TokenId> ids;
  std::string_view finish;  // "stop", "length", "context", "interrupted"
  double prompt_seconds = 0, decode_seconds = 0;
  EngineStats::Drafts drafts;
};

// The answer on its way from the engine: streams to standard output unless JSON was asked for.
class Answer : public EventSink {
 public:
  explicit Answer(bool streams) : streams_(streams) {}

  void on_token(GeneratedToken token) override {
    outcome_.ids.push_back(token.id);
    emit(token.text);
  }

  void on_end(GenerationEnd end) override {
    emit(end.text);
    error_ = std::move(end.error);
    outcome_.finish = end.reason == FinishReason::kCancelled ? "interrupted" : finish_reason_name(end.reason);
    const Timeline& time = end.timeline;
    const EngineClock::time_point answer = reached(time.first_token) ? time.first_token : time.finished;
    if (reached(time.admitted)) outcome_.prompt_seconds = seconds_between(time.admitted, answer);
    outcome_.decode_seconds = seconds_between(answer, time.finished);
  }

  // Nobody reads it any more.
  bool is_broken() const { return is_broken_; }

  // Once the engine has ended. Throws what went wrong.
  Outcome take() {
    if (is_broken_) throw DeviceError("standard output: write failed");
    if (!error_.empty()) throw Error(error_);
    return std::move(outcome_);
  }

 private:
  void emit(const std::string& piece) {
    if (piece.empty()) return;
    outcome_.text += piece;
    if (!streams_ || is_broken_) return;
    is_broken_ = std::fwrite(piece.data(), 1, piece.size(), stdout) != piece.size() || std::fflush(stdout) != 0;
  }

  bool streams_;
  bool is_broken_ = false;
  std::string error_;
  Outcome outcome_;
};

// Serves the one request, on this thread, until it ends or Ctrl-C ends it.
Outcome answer(ModelSession& session, const Tokenizer& tokenizer, Request request, const RunOptions& options) {
  Engine engine(session.pass(), session.stream(), tokenizer, {.speculation = options.speculation});
  const InterruptGuard interrupt;
  const auto sink = std::make_shared<Answer>(!options.json);
  engine.on_step([&](const StepRecord&) {
    if (interrupt.interrupted() || sink->is_broken()) engine.stop();
  });
  engine.submit(std::move(request), sink);
  engine.drain();
  engine.run();
  Outcome outcome = sink->take();
  outcome.drafts = engine.stats().drafts;
  return outcome;
}

double rate(std::size_t count, double seconds) {
  return seconds > 0 ? static_cast<double>(count) / seconds : 0;
}

// The first generated token comes with the prompt's logits; the others took a step each.
std::size_t decode_steps(const Outcome& outcome) {
  return outcome.ids.empty() ? 0 : outcome.ids.size() - 1;
}

void print_json(const Outcome& outcome, std::span<const TokenId> prompt, std::uint64_t seed) {
  const boost::json::object result{
      {"text", outcome.text},
      {"tokens", boost::json::array(outcome.ids.begin(), outcome.ids.end())},
      {"finish_reason", outcome.finish},
      {"prompt_tokens", prompt.size()},
      {"generated_tokens", outcome.ids.size()},
      {"seed", seed},
      {"prompt_seconds", outcome.prompt_seconds},
      {"decode_seconds", outcome.decode_seconds},
      {"prompt_tokens_per_second", rate(prompt.size(), outcome.prompt_seconds)},
      {"decode_tokens_per_second", rate(decode_steps(outcome), outcome.decode_seconds)},
      {"drafted_tokens", outcome.drafts.tokens},
      {"accepted_tokens", outcome.drafts.accepted},
  };
  std::puts(serialized_json(result).c_str());
}

void print_summary(const Outcome& outcome, std::span<const TokenId> prompt, std::int64_t context, std::uint64_t seed) {
  if (outcome.finish == "context") {
    fmt::print(stderr, "\nnote: the context of {} positions is full; --ctx sets a larger one", context);
  }
  if (outcome.drafts.tokens > 0) {
    fmt::print(stderr, "\nspeculation: {} of {} drafted tokens were chosen", outcome.drafts.accepted,
               outcome.drafts.tokens);
  }
  fmt::print(stderr, "\nprompt: {} tokens, {:.1f} tokens/s; decode: {} tokens, {:.1f} tokens/s; seed {}\n",
             prompt.size(), rate(prompt.size(), outcome.prompt_seconds), outcome.ids.size(),
             rate(decode_steps(outcome), outcome.decode_seconds), seed);
}

void print_ledger(const Ledger& ledger) {
  for (const auto& [name, count] : ledger.launches) fmt::print(stderr, "{:>10} x {}\n", count, name);
  fmt::print(stderr,
             "host to device {} bytes, device to host {} bytes, {} allocations, {} bytes allocated, {} graph replays\n"
             "experts in the host's memory: {} bytes pinned, at most {} bytes read from there\n",
             ledger.host_to_device_bytes, ledger.device_to_host_bytes, ledger.allocation_count, ledger.allocated_bytes,
             ledger.graph_replay_count, ledger.pinned_weight_bytes, ledger.host_read_bytes);
}

}  // namespace

int run(const RunOptions& options) {
  std::optional<GrammarRequest> grammar;  // what is wrong with it is said before the model is opened
  if (options.grammar) grammar = GrammarRequest{*options.grammar, compile_grammar(*options.grammar), {}};
  ModelSession session(options.model);
  if (options.model.device == "auto") fmt::print(stderr, "{}\n", session.device_choice());
  const auto tokenizer = Tokenizer::open(session.source());
  print_notes(tokenizer->notes());
  const std::vector<TokenId> prompt = prompt_tokens(session.source(), *tokenizer, options);
  const auto prompt_count = static_cast<std::int64_t>(prompt.size());
  const std::int64_t context = context_for(options, prompt_count, session.context_max());
  if (prompt_count > context) {
    throw InvalidInput(fmt::format("the prompt has {} tokens; the context has {}", prompt_count, context));
  }
  session.bind({.context = context,
                .step_tokens_max = options.step_tokens,
                .draft_rows_max = options.speculation.draft_rows_max(1),
                .sampling = true});
  print_notes(session.pass().notes());
  if (options.speculation.mode != Speculation::Mode::kOff && session.pass().options().draft_rows_max == 0) {
    print_notes({"speculation is " + speculation_text(options.speculation, session.pass().spec())});
  }
  const SamplerOptions sampling = sampling_options(session.source(), options.sampling);
  validate(sampling, static_cast<std::int32_t>(session.pass().spec().vocabulary));  // before the time it takes to load
  session.load_pass();
  Request request;
  request.id = "run";
  request.prompt = prompt;
  request.sampling = sampling;
  request.token_count_max = options.token_count;
  request.ignore_end = options.ignore_end;
  request.grammar = std::move(grammar);
  request.use_prefix_cache = false;  // nobody comes after it
  const Outcome outcome = answer(session, *tokenizer, std::move(request), options);
  if (options.json) {
    print_json(outcome, prompt, sampling.seed);
  } else {
    print_summary(outcome, prompt, context, sampling.seed);
  }
  if (options.ledger) print_ledger(session.device().ledger());
  return outcome.finish == "interrupted" ? kExitInterrupted : 0;
}

}  // namespace hearth
