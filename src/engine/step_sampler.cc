#include "engine/step_sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/check.h"

namespace hearth {
namespace {

// The row's log-softmax, as far as it is asked for; a NaN counts as minus infinity.
class LogProbabilities {
 public:
  explicit LogProbabilities(std::span<const float> logits) : logits_(logits) {
    double max = -std::numeric_limits<double>::infinity();
    for (const float logit : logits) max = std::max(max, value(logit));
    double sum = 0;
    for (const float logit : logits) sum += std::exp(value(logit) - max);
    log_sum_ = max + std::log(sum);
  }

  float of(TokenId id) const { return static_cast<float>(value(logits_[static_cast<std::size_t>(id)]) - log_sum_); }

  std::vector<TokenLogprob> top(int count) const {
    std::vector<TokenId> ids(logits_.size());
    std::iota(ids.begin(), ids.end(), 0);
    const auto end = ids.begin() + std::min<std::ptrdiff_t>(count, std::ssize(ids));
    const auto likelier = [this](TokenId a, TokenId b) {
      const double x = value(logits_[static_cast<std::size_t>(a)]), y = value(logits_[static_cast<std::size_t>(b)]);
      return x > y || (x == y && a < b);
    };
    std::partial_sort(ids.begin(), end, ids.end(), likelier);
    std::vector<TokenLogprob> found;
    for (auto id = ids.begin(); id != end; ++id) found.push_back({*id, of(*id)});
    return found;
  }

 private:
  static double value(float logit) { return std::isnan(logit) ? -std::numeric_limits<double>::infinity() : logit; }

  std::span<const float> logits_;
  double log_sum_ = 0;
};

// Whether a row was computed by tokens that were chosen: the one before it by what its own follow, and the last drafted
// token is the choice there.
bool follows_choices(std::span<const StepSampler::Row> rows, std::size_t i,
                     std::span<const StepSampler::Choice> choices) {
  if (rows[i].drafted.empty()) return true;
  CHECK(i > 0 && rows[i - 1].state == rows[i].state && rows[i - 1].drafted.size() + 1 == rows[i].drafted.size());
  return choices[i - 1].id >= 0 && choices[i - 1].id == rows[i].drafted.back();
}

}  // namespace

StepSampler::StepSampler(ForwardPass& pass, const Tokenizer& tokenizer)
    : tokenizer_(tokenizer), vocabulary_(pass.spec().vocabulary), on_host_(pass.backend().device.is_cpu()) {
  if (on_host_ || !pass.spec().has_logits) return;
  CHECK(pass.options().sampling);
  step_.emplace(pass.backend(), pass.arena(), pass.options().logit_rows_max, static_cast<std::int32_t>(vocabulary_));
}

StepSampler::State StepSampler::open(const SamplerOptions& options, std::uint32_t choice_index) const {
  const auto token_bytes = [tokenizer = &tokenizer_](std::int32_t id) {
    // A model may have more rows than its vocabulary has tokens.
    return id < tokenizer->vocab_size() ? std::string(tokenizer->token_bytes(id)) : std::string();
  };
  const auto vocabulary = static_cast<std::int32_t>(vocabulary_);
  if (on_host_) return Sampler(options, vocabulary, token_bytes, choice_index);
  return DeviceSampler(options, vocabulary, token_bytes, choice_index);
}

void StepSampler::accept_prompt(State& state, TokenId token) {
  std::visit([token](auto& sampler) { sampler.accept_prompt(token); }, state);
}

void StepSampler::accept(State& state, TokenId token) {
  std::visit([token](auto& sampler) { sampler.accept(token); }, state);
}

std::vector<StepSampler::Choice> StepSampler::run(Stream& stream, float* logits, std::span<const Row> rows) {
  std::vector<Choice> choices(rows.size());
  std::vector<std::vector<float>> whole(rows.size());
  if (on_host_) {
    run_on_host(logits, rows, choices);
  } else {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const bool is_hidden = rows[i].logprob_count && !rows[i].mask.empty();
      if (is_hidden) whole[i] = downloaded(stream, logits + rows[i].row * vocabulary_);
    }
    run_on_device(stream, logits, rows, choices);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (!follows_choices(rows, i, choices)) choices[i] = {};
    }
  }
  add_logprobs(stream, logits, rows, whole, choices);
  return choices;
}

// Row by row, so that none is looked at whose draft turned out to be wrong.
void StepSampler::run_on_host(const float* logits, std::span<const Row> rows, std::vector<Choice>& choices) const {
  TokenHistory::Mark mark{};
  for (std::size_t i = 0; i < rows.size(); ++i) {
    auto& sampler = std::get<Sampler>(*rows[i].state);
    if (!follows_choices(rows, i, choices)) continue;
    if (rows[i].drafted.empty()) {
      mark = sampler.mark();
    } else {
      sampler.accept(rows[i].drafted.back());
    }
    const std::span<const float> row(logits + rows[i].row * vocabulary_, static_cast<std::size_t>(vocabulary_));
    try {
      choices[i].id = sampler.sample(row, rows[i].position, rows[i].mask);
    } catch (const Error& error) {
      choices[i].error = error.what();
    }
    const bool is_last = i + 1 == rows.size() || !follows_choices(rows, i + 1, choices) || rows[i + 1].drafted.empty();
    if (is_last) sampler.go_back(mark);
  }
}

// Rows that stand side by side are one launch: all of them, unless logits of prompts stand between.
void StepSampler::run_on_device(Stream& stream, float* logits, std::span<const Row> rows,
                                std::vector<Choice>& choices) {
  for (std::size_t begin = 0; begin < rows.size();) {
    std::vector<SamplingStep::Request> requests;
    std::size_t end = begin;
    do {
      requests.push_back(
          {&std::get<DeviceSampler>(*rows[end].state), rows[end].position, rows[end].mask, rows[end].drafted});
      ++end;
    } while (end < rows.size() && rows[end].row == rows[end - 1].row + 1);
    std::vector<std::int32_t> ids(requests.size());
    step_->run(stream, logits + rows[begin].row * vocabulary_, requests, ids);
    for (std::size_t i = begin; i < end; ++i) {
      choices[i].id = ids[i - begin];
      if (choices[i].id < 0) {
        choices[i].error = no_token_message(rows[i].position, static_cast<std::int32_t>(vocabulary_));
      }
    }
    begin = end;
  }
}

StepSampler::Choice StepSampler::score(Stream& stream, const float* logits, std::int64_t row, TokenId id,
                                       int logprob_count) {
  Choice choice;
  choice.id = id;
  std::vector<Choice> choices{std::move(choice)};
  const Row wanted{nullptr, 0, row, logprob_count};
  add_logprobs(stream, logits, {&wanted, 1}, {{}}, choices);
  return std::move(choices.front());
}

std::vector<float> StepSampler::downloaded(Stream& stream, const float* row) const {
  std::vector<float> result(static_cast<std::size_t>(vocabulary_));
  stream.download(result.data(), reinterpret_cast<const std::byte*>(row), vocabulary_ * std::int64_t{sizeof(float)});
  stream.synchronize();
  return result;
}

void StepSampler::add_logprobs(Stream& stream, const float* logits, std::span<const Row> rows,
                               const std::vector<std::vector<float>>& whole, std::vector<Choice>& choices) const {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (!rows[i].logprob_count || choices[i].id < 0) continue;
    const float* row = logits + rows[i].row * vocabulary_;
    std::vector<float> own;
    if (!whole[i].empty()) {
      row = whole[i].data();
    } else if (!on_host_) {
      own = downloaded(stream, row);
      row = own.data();
    }
    const LogProbabilities probabilities({row, static_cast<std::size_t>(vocabulary_)});
    choices[i].logprob = probabilities.of(choices[i].id);
    choices[i].top_logprobs = probabilities.top(*rows[i].logprob_count);
  }
}

}  // namespace hearth
