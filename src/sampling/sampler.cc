// The chain of stages, and the history that two of them look back on.
#include "sampling/sampler.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/check.h"
#include "base/error.h"
#include "sampling/philox.h"

namespace hearth {
namespace {

// How much of the history an option that counts tokens back covers.
std::size_t window(std::int32_t last_n, std::size_t history_size) {
  return last_n < 0 ? history_size : std::min(history_size, static_cast<std::size_t>(last_n));
}

}  // namespace

Sampler::Sampler(SamplerOptions options, std::int32_t vocab_size, TokenBytes token_bytes, std::uint32_t choice_index)
    : options_(std::move(options)),
      vocab_size_(vocab_size),
      token_bytes_(std::move(token_bytes)),
      choice_index_(choice_index),
      breakers_(options_.dry_sequence_breakers) {
  CHECK(vocab_size > 0);
  validate(options_, vocab_size);
  bias_.insert(options_.logit_bias.begin(), options_.logit_bias.end());
  CHECK(token_bytes_ || !uses_dry() || options_.dry_sequence_breakers.empty());
}

bool Sampler::uses_dry() const {
  return options_.dry_multiplier > 0 && options_.dry_penalty_last_n != 0;
}

void Sampler::accept(std::int32_t token) {
  CHECK(token >= 0 && token < vocab_size_);
  const std::size_t leaving = window(options_.repeat_last_n, history_.size() + 1);
  history_.push_back(token);
  if (leaving > 0) ++counts_[token];
  if (leaving > 0 && leaving < history_.size()) {
    const auto oldest = counts_.find(history_[history_.size() - 1 - leaving]);
    if (--oldest->second == 0) counts_.erase(oldest);
  }
  if (uses_dry() && token_bytes_ && breakers_.ends_in(token_bytes_(token))) after_breaker_ = history_.size();
}

std::int32_t Sampler::sample(std::span<const float> logits, std::int64_t position) {
  CHECK(std::ssize(logits) == vocab_size_);
  CHECK(position >= 0);
  candidates_.assign(logits);
  candidates_.adjust(bias_, [](double logit, float bias) {
    const double sum = logit + bias;
    return std::isnan(sum) ? -HUGE_VAL : sum;  // infinities that contradict each other: what is banned stays banned
  });
  const bool greedy = options_.temperature <= 0;
  for (const SamplerStage stage : options_.stages) {
    const bool changes_logits = stage == SamplerStage::kPenalties || stage == SamplerStage::kDry;
    if (changes_logits || !greedy) apply(stage, static_cast<std::uint64_t>(position));
  }
  if (greedy) keep_top_k(candidates_, 1);
  // Every stage leaves a possible token if there was one.
  if (candidates_.max_logit() == -HUGE_VAL) {
    throw Error(fmt::format("no token is possible at position {}: all {} logits are NaN or minus infinity", position,
                            vocab_size_));
  }
  return draw(candidates_,
              uniform_draw(options_.seed, choice_index_, static_cast<std::uint64_t>(position), Draw::kToken));
}

void Sampler::apply(SamplerStage stage, std::uint64_t position) {
  switch (stage) {
    case SamplerStage::kPenalties:
      if (options_.repeat_penalty == 1 && options_.presence_penalty == 0 && options_.frequency_penalty == 0) return;
      return penalize_repetition(candidates_, counts_, options_.repeat_penalty, options_.presence_penalty,
                                 options_.frequency_penalty);
    case SamplerStage::kDry:
      return apply_dry();
    case SamplerStage::kTopK:
      return keep_top_k(candidates_, options_.top_k);
    case SamplerStage::kTypical:
      return keep_typical(candidates_, options_.typical_p);
    case SamplerStage::kTopP:
      return keep_top_p(candidates_, options_.top_p);
    case SamplerStage::kMinP:
      return keep_min_p(candidates_, options_.min_p);
    case SamplerStage::kXtc:
      if (uniform_draw(options_.seed, choice_index_, position, Draw::kXtc) < options_.xtc_probability) {
        exclude_top_choices(candidates_, options_.xtc_threshold);
      }
      return;
    case SamplerStage::kTemperature:
      return candidates_.scale(1.0 / options_.temperature);
  }
}

void Sampler::apply_dry() {
  if (!uses_dry()) return;
  const std::size_t count = window(options_.dry_penalty_last_n, history_.size());
  const std::size_t length_max = std::min(count, history_.size() - after_breaker_);
  if (length_max < static_cast<std::size_t>(options_.dry_allowed_length)) return;
  auto lengths = repeated_lengths(std::span(history_).last(count), length_max);
  // A token that breaks sequences continues none.
  if (token_bytes_) {
    std::erase_if(lengths, [&](const auto& entry) { return breakers_.contains_breaker(token_bytes_(entry.first)); });
  }
  penalize_sequences(candidates_, lengths, options_);
}

std::vector<TokenProbability> Sampler::distribution() const {
  const double max = candidates_.max_logit(), total = candidates_.total_weight();
  std::vector<TokenProbability> result;
  for (const Candidate& candidate : candidates_.items()) {
    result.push_back({candidate.id, Candidates::weight(candidate.logit, max) / total});
  }
  return result;
}

}  // namespace hearth
