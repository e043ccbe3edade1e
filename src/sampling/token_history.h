// The tokens of a sequence as far as sampling looks back on them: what repetition penalties count, and what DRY
// penalizes. The sampler of the CPU and that of the devices both take it from here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "sampling/dry.h"
#include "sampling/sampler_options.h"

namespace hearth {

class TokenHistory {
 public:
  // The bytes that a token stands for; DRY finds its sequence breakers in them.
  using TokenBytes = std::function<std::string(std::int32_t)>;

  // Throws InvalidInput, naming the option, if one is out of range. `token_bytes` may be empty if DRY is off or has no
  // breakers.
  TokenHistory(SamplerOptions options, std::int32_t vocab_size, TokenBytes token_bytes);

  // A token of the sequence, in order: of the prompt, or chosen.
  void accept_prompt(std::int32_t token) { remember(token); }
  void accept(std::int32_t token);

  // Where the sequence is. Tokens accepted since, of which it only was to be seen what would come after them, are gone
  // with go_back().
  struct Mark {
    std::size_t token_count, after_breaker;
    BytePatterns::State breakers;
  };
  Mark mark() const { return {tokens_.size(), after_breaker_, breakers_.state()}; }
  void go_back(const Mark& mark);

  const SamplerOptions& options() const { return options_; }
  std::int32_t vocab_size() const { return vocab_size_; }

  // How often each of the last `repeat_last_n` tokens occurs among them.
  const std::unordered_map<std::int32_t, std::int32_t>& counts() const { return counts_; }
  // How often presence and frequency penalties count each token.
  const std::unordered_map<std::int32_t, std::int32_t>& penalized_counts() const {
    return options_.counts_answer_alone ? answer_counts_ : counts_;
  }
  // What DRY subtracts from logits: positive numbers.
  std::unordered_map<std::int32_t, double> dry_penalties() const;

 private:
  bool uses_dry() const;
  void remember(std::int32_t token);
  void forget_last();

  SamplerOptions options_;
  std::int32_t vocab_size_;
  TokenBytes token_bytes_;

  std::vector<std::int32_t> tokens_;
  std::unordered_map<std::int32_t, std::int32_t> counts_, answer_counts_;
  BreakerScanner breakers_;
  std::size_t after_breaker_ = 0;  // the first token after the last breaker
};

}  // namespace hearth
