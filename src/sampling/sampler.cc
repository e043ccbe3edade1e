// The chain of stages.
#include "sampling/sampler.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/check.h"
#include "base/error.h"
#include "base/philox.h"

namespace hearth {

Sampler::Sampler(SamplerOptions options, std::int32_t vocab_size, TokenBytes token_bytes, std::uint32_t choice_index)
    : history_(std::move(options), vocab_size, std::move(token_bytes)), choice_index_(choice_index) {
  bias_.insert(this->options().logit_bias.begin(), this->options().logit_bias.end());
}

std::int32_t Sampler::sample(std::span<const float> logits, std::int64_t position,
                             std::span<const std::uint32_t> mask) {
  CHECK(std::ssize(logits) == history_.vocab_size());
  CHECK(position >= 0);
  candidates_.assign(logits, mask);
  candidates_.adjust(bias_, [](double logit, float bias) {
    const double sum = logit + bias;
    return std::isnan(sum) ? -HUGE_VAL : sum;  // infinities that contradict each other: what is banned stays banned
  });
  const bool greedy = options().temperature <= 0;
  for (const SamplerStage stage : options().stages) {
    const bool changes_logits = stage == SamplerStage::kPenalties || stage == SamplerStage::kDry;
    if (changes_logits || !greedy) apply(stage, static_cast<std::uint64_t>(position));
  }
  if (greedy) keep_top_k(candidates_, 1);
  // Every stage leaves a possible token if there was one.
  if (candidates_.max_logit() == -HUGE_VAL) {
    throw Error(no_token_message(position, history_.vocab_size()));
  }
  return draw(candidates_,
              uniform_draw(options().seed, choice_index_, static_cast<std::uint64_t>(position), Draw::kToken));
}

void Sampler::apply(SamplerStage stage, std::uint64_t position) {
  switch (stage) {
    case SamplerStage::kPenalties:
      if (options().repeat_penalty == 1 && options().presence_penalty == 0 && options().frequency_penalty == 0) return;
      penalize_repetition(candidates_, history_.counts(), options().repeat_penalty);
      return penalize_presence(candidates_, history_.penalized_counts(), options().presence_penalty,
                               options().frequency_penalty);
    case SamplerStage::kDry:
      return candidates_.adjust(history_.dry_penalties(), [](double logit, double penalty) { return logit - penalty; });
    case SamplerStage::kTopK:
      return keep_top_k(candidates_, options().top_k);
    case SamplerStage::kTypical:
      return keep_typical(candidates_, options().typical_p);
    case SamplerStage::kTopP:
      return keep_top_p(candidates_, options().top_p);
    case SamplerStage::kMinP:
      return keep_min_p(candidates_, options().min_p);
    case SamplerStage::kXtc:
      if (uniform_draw(options().seed, choice_index_, position, Draw::kXtc) < options().xtc_probability) {
        exclude_top_choices(candidates_, options().xtc_threshold);
      }
      return;
    case SamplerStage::kTemperature:
      return candidates_.scale(1.0 / options().temperature);
  }
}

std::vector<TokenProbability> Sampler::distribution() const {
  const double max = candidates_.max_logit(), total = candidates_.total_weight();
  std::vector<TokenProbability> result;
  for (const Candidate& candidate : candidates_.items()) {
    result.push_back({candidate.id, Candidates::weight(candidate.logit, max) / total});
  }
  return result;
}

std::string no_token_message(std::int64_t position, std::int32_t vocab_size) {
  return fmt::format("no token is possible at position {}: all {} logits are NaN, minus infinity or forbidden",
                     position, vocab_size);
}

}  // namespace hearth
