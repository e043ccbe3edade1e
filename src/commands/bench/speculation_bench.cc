#include "commands/bench/speculation_bench.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <chrono>
#include <cstdio>
#include <memory>
#include <numeric>
#include <optional>
#include <span>

#include "base/error.h"
#include "base/json_value.h"
#include "commands/bench/bench.h"
#include "commands/bench/bench_model.h"
#include "commands/bundled_model.h"
#include "commands/find_model.h"
#include "commands/model_session.h"
#include "engine/step_sampler.h"
#include "kv/paged_kv_cache.h"
#include "text/tokenizers/tokenizer.h"

namespace hearth {
namespace {

using Tokens = std::vector<TokenId>;

// One sequence, in blocks of its own.
class Writer {
 public:
  Writer(BenchRunner& runner, Stream& stream, StepSampler& sampler, const Speculation& speculation,
         std::int32_t first_block)
      : pass_(runner.pass()), memory_(runner.memory()), stream_(stream), sampler_(sampler), speculation_(speculation) {
    SamplerOptions greedy;
    greedy.temperature = 0;
    state_.emplace(sampler.open(greedy, 0));
    blocks_.resize(static_cast<std::size_t>(kv_block_count(pass_.options().context)));
    std::iota(blocks_.begin(), blocks_.end(), first_block);
  }

  // Reads the prompt; the answer's first token is chosen. Both outlive the writing.
  void begin(std::span<const TokenId> prompt, std::span<const TokenId> answer) {
    const std::int64_t step_tokens = pass_.options().step_tokens_max;
    for (std::int64_t done = 0; done < std::ssize(prompt); done += step_tokens) {
      const std::int64_t count = std::min(step_tokens, std::ssize(prompt) - done);
      run(prompt.subspan(static_cast<std::size_t>(done), static_cast<std::size_t>(count)), done, Batch::Logits::kLast);
      stream_.synchronize();
    }
    drafter_ = {};
    for (const TokenId id : prompt) drafter_.push(id);
    drafter_.push(answer[0]);
    prompt_tokens_ = std::ssize(prompt);
    answer_ = answer;
    chosen_ = 1;
    result_ = {};
  }

  std::size_t chosen() const { return chosen_; }
  bool is_done() const { return chosen_ == answer_.size(); }
  const SpeculationRun& result() const { return result_; }

  // Takes the answer's next token as chosen, and those of a draft as far as it has them.
  void step() {
    const auto start = std::chrono::steady_clock::now();
    const auto follows = answer_.subspan(chosen_);
    const Tokens draft = this->draft(std::ssize(follows) - 1);
    Tokens tokens{answer_[chosen_ - 1]};
    tokens.insert(tokens.end(), draft.begin(), draft.end());
    const std::int64_t position = prompt_tokens_ + static_cast<std::int64_t>(chosen_) - 1;
    float* const logits = run(tokens, position, Batch::Logits::kAll);
    const std::int64_t accepted = std::mismatch(draft.begin(), draft.end(), follows.begin()).first - draft.begin();
    std::vector<StepSampler::Row> rows;  // as many as an engine would look at
    for (std::int64_t i = 0; i <= accepted; ++i) rows.push_back({&*state_, position + 1 + i, i, std::nullopt});
    sampler_.run(stream_, logits, rows);
    if (speculation_.mode != Speculation::Mode::kOff) drafter_.judge(std::ssize(draft), accepted);
    for (std::int64_t i = 0; i <= accepted; ++i) drafter_.push(answer_[chosen_++]);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    costs_.add(std::ssize(tokens), seconds);
    result_.seconds += seconds;
    ++result_.steps;
    result_.drafted += std::ssize(draft);
    result_.accepted += accepted;
  }

 private:
  float* run(std::span<const TokenId> tokens, std::int64_t position, Batch::Logits logits) {
    batch_.clear();
    batch_.add(tokens, position, blocks_, 0, logits);
    return pass_.run(stream_, batch_, memory_);
  }

  Tokens draft(std::int64_t count_max) {
    if (speculation_.mode == Speculation::Mode::kOff) return {};
    Drafter::Draft draft = drafter_.draft(std::min(count_max, speculation_.draft_max));
    const std::int64_t count = share_drafts({&draft, 1}, 1, costs_, pass_.options().draft_rows_max).front();
    draft.tokens.resize(static_cast<std::size_t>(count));
    return std::move(draft.tokens);
  }

  ForwardPass& pass_;
  SequenceMemory& memory_;
  Stream& stream_;
  StepSampler& sampler_;
  Speculation speculation_;
  std::optional<StepSampler::State> state_;
  std::vector<std::int32_t> blocks_;
  Batch batch_;
  StepCosts costs_;
  Drafter drafter_;
  std::int64_t prompt_tokens_ = 0;
  std::span<const TokenId> answer_;
  std::size_t chosen_ = 0;
  SpeculationRun result_;
};

struct Tokenized {
  std::string name;
  Tokens prompt, answer;
};

// A model of random weights takes the bundled model's tokens.
std::unique_ptr<const Tokenizer> tokenizer_for(const BenchOptions& options, const BenchModel& model) {
  if (options.shape.empty()) return Tokenizer::open(model.source());
  return Tokenizer::open(*ModelSource::open(model_or_bundled({})));
}

std::vector<Tokenized> tokenized_texts(const BenchOptions& options, const Tokenizer& tokenizer) {
  std::vector<SpeculationText> texts;
  for (const std::filesystem::path& file : options.texts) texts.push_back(speculation_text_of(file));
  if (texts.empty()) texts = built_in_speculation_texts();
  std::vector<Tokenized> result;
  for (const SpeculationText& text : texts) {
    Tokenized& tokens = result.emplace_back();
    tokens.name = text.name;
    tokens.prompt = tokenizer.encode(text.prompt);
    tokens.answer = tokenizer.encode(text.answer, {.add_special = false, .parse_special = false});
    if (tokens.prompt.empty() || tokens.answer.size() < 2) throw InvalidInput(text.name + ": has too few tokens");
  }
  return result;
}

double acceptance(const std::vector<SpeculationRun>& runs) {
  std::int64_t drafted = 0, accepted = 0;
  for (const SpeculationRun& run : runs) {
    drafted += run.drafted;
    accepted += run.accepted;
  }
  return drafted > 0 ? static_cast<double>(accepted) / static_cast<double>(drafted) : 0;
}

}  // namespace

double SpeculationResult::tokens_per_second(const std::vector<SpeculationRun>& runs) const {
  double seconds = 0;
  for (const SpeculationRun& run : runs) seconds += run.seconds;
  // The answer's first token comes with the prompt.
  return static_cast<double>(answer_tokens - 1) * static_cast<double>(runs.size()) / seconds;
}

std::string format_speculation(const std::vector<SpeculationResult>& results, bool json) {
  if (!json) {
    std::string table = fmt::format("{:<16} {:>7} {:>7} {:>10} {:>10} {:>6} {:>11} {:>11}\n", "text", "prompt",
                                    "answer", "plain t/s", "drafts t/s", "times", "tokens/step", "acceptance");
    for (const SpeculationResult& result : results) {
      table += fmt::format("{:<16} {:>7} {:>7} {:>10.2f} {:>10.2f} {:>6.2f} {:>11.2f} {:>9.1f} %\n", result.name,
                           result.prompt_tokens, result.answer_tokens, result.tokens_per_second(result.plain),
                           result.tokens_per_second(result.drafted), result.times_plain(),
                           static_cast<double>(result.answer_tokens - 1) /
                               static_cast<double>(std::max<std::int64_t>(1, result.drafted.back().steps)),
                           100 * acceptance(result.drafted));
    }
    return table;
  }
  boost::json::array all;
  for (const SpeculationResult& result : results) {
    const auto runs = [](const std::vector<SpeculationRun>& of) {
      boost::json::array array;
      for (const SpeculationRun& run : of) {
        array.push_back({{"seconds", run.seconds},
                         {"steps", run.steps},
                         {"drafted_tokens", run.drafted},
                         {"accepted_tokens", run.accepted}});
      }
      return array;
    };
    all.push_back({{"text", result.name},
                   {"prompt_tokens", result.prompt_tokens},
                   {"answer_tokens", result.answer_tokens},
                   {"times_plain", result.times_plain()},
                   {"plain", runs(result.plain)},
                   {"drafted", runs(result.drafted)}});
  }
  return serialized_json(all) + "\n";
}

void bench_speculation(const BenchOptions& options) {
  if (options.output != "table" && options.output != "json") {
    throw InvalidInput("--speculate reports as table or json, not as " + options.output);
  }
  const OpenedDevice opened = open_device(options.devices.front(), options.threads);
  BenchModel model = open_bench_model(options);
  const auto tokenizer = tokenizer_for(options, model);
  const std::vector<Tokenized> texts = tokenized_texts(options, *tokenizer);
  std::vector<BenchCase> cases;
  for (const Tokenized& text : texts) {
    cases.push_back({BenchCase::Kind::kPrefill, std::ssize(text.prompt), 0, 1});
    cases.push_back({BenchCase::Kind::kDecode, std::ssize(text.answer), std::ssize(text.prompt), 1});
  }
  for (BenchCase& c : cases) c.batch = c.kind == BenchCase::Kind::kDecode ? 2 : 1;  // the cache of two
  const auto stream = opened.device->open_stream();
  const std::int64_t step_tokens = options.step_tokens > 0 ? options.step_tokens : 512;
  BenchRunnerOptions runner_options{.compute = parse_compute(options.compute),
                                    .step_tokens = step_tokens,
                                    .experts_on_host = options.experts_on_host};
  runner_options.draft_rows_max = options.speculation.draft_rows_max(1);
  BenchRunner runner(model.source(), *opened.device, *stream, runner_options, cases);
  if (const std::string obstacle = speculation_obstacle(runner.pass().spec()); !obstacle.empty()) {
    throw InvalidInput(model.source().path().string() + ": nothing can be drafted: " + obstacle);
  }
  if (tokenizer->vocab_size() > runner.pass().spec().vocabulary) {
    throw InvalidInput(fmt::format("{}: has a vocabulary of {}; the texts' tokens are of {}",
                                   model.source().path().string(), runner.pass().spec().vocabulary,
                                   tokenizer->vocab_size()));
  }
  provide_bench_memory(runner, *opened.device, model);
  runner.load();
  StepSampler sampler(runner.pass(), *tokenizer);
  const auto blocks = static_cast<std::int32_t>(kv_block_count(runner.pass().options().context));
  Writer plain(runner, *stream, sampler, {}, 0), drafted(runner, *stream, sampler, options.speculation, blocks);
  std::vector<SpeculationResult> results;
  for (const Tokenized& text : texts) {
    SpeculationResult& result = results.emplace_back();
    result.name = text.name;
    result.prompt_tokens = std::ssize(text.prompt);
    result.answer_tokens = std::ssize(text.answer);
    for (int i = 0; i < options.repetitions; ++i) {
      plain.begin(text.prompt, text.answer);
      drafted.begin(text.prompt, text.answer);
      // In turns, so that what else the machine does slows down both.
      while (!plain.is_done() || !drafted.is_done()) {
        (plain.chosen() <= drafted.chosen() ? plain : drafted).step();
      }
      result.plain.push_back(plain.result());
      result.drafted.push_back(drafted.result());
    }
  }
  std::fputs(format_speculation(results, options.output == "json").c_str(), stdout);
}

}  // namespace hearth
