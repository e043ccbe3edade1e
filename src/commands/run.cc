#include "commands/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <chrono>
#include <cstdio>

#include "base/error.h"
#include "commands/interrupt.h"
#include "engine/step_sampler.h"
#include "text/templates/chat_prompt.h"

namespace hearth {
namespace {

// The context where nothing says how long the answer may be, and the least room for one.
constexpr std::int64_t kContextDefault = 8192;
constexpr std::int64_t kAnswerRoom = 2048;

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

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

// Feeds tokens and chooses the next one where its logits are.
class TokenChooser {
 public:
  TokenChooser(ModelSession& session, const Tokenizer& tokenizer, const SamplerOptions& options)
      : stream_(session.stream()), sampler_(session.pass(), tokenizer), state_(sampler_.open(options, 0)) {}

  void accept(TokenId id) { StepSampler::accept(state_, id); }

  // False if `keep_going` said no. Throws Error if no token is possible.
  bool feed(SequenceRunner& runner, std::span<const TokenId> tokens, const std::function<bool()>& keep_going = {}) {
    const auto take = [&](const float* logits, std::int64_t) {
      const StepSampler::Row row{&state_, runner.position(), 0, std::nullopt};
      const StepSampler::Choice choice = std::move(sampler_.run(stream_, logits, {&row, 1}).front());
      if (choice.id < 0) throw Error(choice.error);
      next_ = choice.id;
    };
    return runner.feed_on_device(tokens, Batch::Logits::kLast, take, keep_going);
  }

  TokenId next() const { return next_; }

 private:
  Stream& stream_;
  StepSampler sampler_;
  StepSampler::State state_;
  TokenId next_ = 0;
};

struct Outcome {
  std::string text;
  std::vector<TokenId> ids;
  std::string finish;  // "stop", "length", "context", "interrupted"
  double prompt_seconds = 0, decode_seconds = 0;
};

// Streams to standard output unless JSON was asked for.
class Generation {
 public:
  Generation(const RunOptions& options, const Tokenizer& tokenizer, TokenChooser& chooser, SequenceRunner& runner)
      : options_(options), tokenizer_(tokenizer), chooser_(chooser), runner_(runner), decoder_(tokenizer) {}

  Outcome run(std::span<const TokenId> prompt) {
    for (const TokenId id : prompt) chooser_.accept(id);
    const auto keep_going = [&] { return !interrupt_.interrupted(); };
    const auto prompt_start = Clock::now();
    const bool read = chooser_.feed(runner_, prompt, keep_going);
    outcome_.prompt_seconds = seconds_since(prompt_start);
    const auto decode_start = Clock::now();
    outcome_.finish = read ? decode(keep_going) : "interrupted";
    outcome_.decode_seconds = seconds_since(decode_start);
    emit(decoder_.finish());
    return std::move(outcome_);
  }

 private:
  std::string decode(const std::function<bool()>& keep_going) {
    for (;;) {
      if (!keep_going()) return "interrupted";
      if (static_cast<std::int64_t>(outcome_.ids.size()) == options_.token_count) return "length";
      const TokenId next = chooser_.next();
      const bool known = next < tokenizer_.vocab_size();
      outcome_.ids.push_back(next);
      chooser_.accept(next);
      if (known && tokenizer_.is_end_of_generation(next) && !options_.ignore_end) return "stop";
      if (known) emit(decoder_.push(next));
      if (runner_.position() == runner_.context()) return "context";
      if (static_cast<std::int64_t>(outcome_.ids.size()) == options_.token_count) return "length";
      chooser_.feed(runner_, {&next, 1});
    }
  }

  void emit(const std::string& piece) {
    if (piece.empty()) return;
    outcome_.text += piece;
    if (options_.json) return;
    std::fwrite(piece.data(), 1, piece.size(), stdout);
    if (std::fflush(stdout) != 0) throw DeviceError("standard output: write failed");
  }

  const RunOptions& options_;
  const Tokenizer& tokenizer_;
  TokenChooser& chooser_;
  SequenceRunner& runner_;
  StreamDecoder decoder_;
  InterruptGuard interrupt_;
  Outcome outcome_;
};

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
  };
  std::puts(boost::json::serialize(result).c_str());
}

void print_summary(const Outcome& outcome, std::span<const TokenId> prompt, std::int64_t context, std::uint64_t seed) {
  if (outcome.finish == "context") {
    fmt::print(stderr, "\nnote: the context of {} positions is full; --ctx sets a larger one", context);
  }
  fmt::print(stderr, "\nprompt: {} tokens, {:.1f} tokens/s; decode: {} tokens, {:.1f} tokens/s; seed {}\n",
             prompt.size(), rate(prompt.size(), outcome.prompt_seconds), outcome.ids.size(),
             rate(decode_steps(outcome), outcome.decode_seconds), seed);
}

void print_ledger(const Ledger& ledger) {
  for (const auto& [name, count] : ledger.launches) fmt::print(stderr, "{:>10} x {}\n", count, name);
  fmt::print(stderr,
             "host to device {} bytes, device to host {} bytes, {} allocations, {} bytes allocated, {} graph replays\n",
             ledger.host_to_device_bytes, ledger.device_to_host_bytes, ledger.allocation_count, ledger.allocated_bytes,
             ledger.graph_replay_count);
}

}  // namespace

int run(const RunOptions& options) {
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
  session.bind({.context = context, .step_tokens_max = options.step_tokens, .sampling = true});
  print_notes(session.pass().notes());
  const SamplerOptions sampling = sampling_options(session.source(), options.sampling);
  validate(sampling, static_cast<std::int32_t>(session.pass().spec().vocabulary));  // before the time it takes to load
  SequenceRunner& runner = session.load();
  TokenChooser chooser(session, *tokenizer, sampling);
  const Outcome outcome = Generation(options, *tokenizer, chooser, runner).run(prompt);
  if (options.json) {
    print_json(outcome, prompt, sampling.seed);
  } else {
    print_summary(outcome, prompt, context, sampling.seed);
  }
  if (options.ledger) print_ledger(session.device().ledger());
  return outcome.finish == "interrupted" ? kExitInterrupted : 0;
}

}  // namespace hearth
