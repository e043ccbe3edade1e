#include "sampling/token_history.h"

#include <algorithm>
#include <span>
#include <utility>

#include "base/check.h"

namespace hearth {
namespace {

const std::vector<std::string>& validated_breakers(const SamplerOptions& options, std::int32_t vocab_size) {
  validate(options, vocab_size);
  return options.dry_sequence_breakers;
}

// How much of the history an option that counts tokens back covers.
std::size_t window(std::int32_t last_n, std::size_t history_size) {
  return last_n < 0 ? history_size : std::min(history_size, static_cast<std::size_t>(last_n));
}

}  // namespace

TokenHistory::TokenHistory(SamplerOptions options, std::int32_t vocab_size, TokenBytes token_bytes)
    : options_(std::move(options)),
      vocab_size_(vocab_size),
      token_bytes_(std::move(token_bytes)),
      breakers_(validated_breakers(options_, vocab_size)) {
  CHECK(vocab_size > 0);
  CHECK(token_bytes_ || !uses_dry() || options_.dry_sequence_breakers.empty());
}

bool TokenHistory::uses_dry() const {
  return options_.dry_multiplier > 0 && options_.dry_penalty_last_n != 0;
}

void TokenHistory::accept(std::int32_t token) {
  remember(token);
  if (options_.counts_answer_alone) ++answer_counts_[token];
}

void TokenHistory::remember(std::int32_t token) {
  CHECK(token >= 0 && token < vocab_size_);
  const std::size_t leaving = window(options_.repeat_last_n, tokens_.size() + 1);
  tokens_.push_back(token);
  if (leaving > 0) ++counts_[token];
  if (leaving > 0 && leaving < tokens_.size()) {
    const auto oldest = counts_.find(tokens_[tokens_.size() - 1 - leaving]);
    if (--oldest->second == 0) counts_.erase(oldest);
  }
  if (uses_dry() && token_bytes_ && breakers_.ends_in(token_bytes_(token))) after_breaker_ = tokens_.size();
}

// Accepted as an answer's.
void TokenHistory::forget_last() {
  const std::size_t leaving = window(options_.repeat_last_n, tokens_.size());
  if (leaving > 0 && leaving < tokens_.size()) ++counts_[tokens_[tokens_.size() - 1 - leaving]];
  const auto take_one = [token = tokens_.back()](auto& counts) {
    const auto found = counts.find(token);
    CHECK(found != counts.end());
    if (--found->second == 0) counts.erase(found);
  };
  if (leaving > 0) take_one(counts_);
  if (options_.counts_answer_alone) take_one(answer_counts_);
  tokens_.pop_back();
}

void TokenHistory::go_back(const Mark& mark) {
  while (tokens_.size() > mark.token_count) forget_last();
  after_breaker_ = mark.after_breaker;
  breakers_.go_back(mark.breakers);
}

std::unordered_map<std::int32_t, double> TokenHistory::dry_penalties() const {
  if (!uses_dry()) return {};
  const std::size_t count = window(options_.dry_penalty_last_n, tokens_.size());
  const std::size_t length_max = std::min(count, tokens_.size() - after_breaker_);
  if (length_max < static_cast<std::size_t>(options_.dry_allowed_length)) return {};
  auto lengths = repeated_lengths(std::span(tokens_).last(count), length_max);
  std::erase_if(lengths, [&](const auto& entry) { return entry.second < options_.dry_allowed_length; });
  // A token that breaks sequences continues none.
  if (token_bytes_) {
    std::erase_if(lengths, [&](const auto& entry) { return breakers_.contains_breaker(token_bytes_(entry.first)); });
  }
  return penalties_of(lengths, options_);
}

}  // namespace hearth
