// Chooses a sequence's next token from the logits: bias, the stages in their order, and one draw. The token is a
// function of the options, the tokens accepted, the logits, the choice's index and the position; there is no state of a
// generator, so neither other requests nor earlier draws can change it.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "sampling/candidates.h"
#include "sampling/dry.h"
#include "sampling/sampler_options.h"

namespace hearth {

struct TokenProbability {
  std::int32_t id;
  double probability;
};

class Sampler {
 public:
  // The bytes that a token stands for; DRY finds its sequence breakers in them.
  using TokenBytes = std::function<std::string(std::int32_t)>;

  // Throws InvalidInput, naming the option, if one is out of range. `token_bytes` may be empty if DRY is off or has no
  // breakers. The choices of one request (the same prompt and seed) differ by `choice_index`.
  Sampler(SamplerOptions options, std::int32_t vocab_size, TokenBytes token_bytes = {}, std::uint32_t choice_index = 0);

  // A token of the sequence, of the prompt or chosen, in order: what penalties and DRY look back on.
  void accept(std::int32_t token);

  // The token for `position`. `logits` [vocab]; a NaN counts as minus infinity. Throws Error if no token is possible.
  std::int32_t sample(std::span<const float> logits, std::int64_t position);

  // What the last `sample` drew from: the tokens that were left, and their probabilities.
  std::vector<TokenProbability> distribution() const;

  const SamplerOptions& options() const { return options_; }

 private:
  void apply(SamplerStage stage, std::uint64_t position);
  void apply_dry();
  bool uses_dry() const;

  SamplerOptions options_;
  std::int32_t vocab_size_;
  TokenBytes token_bytes_;
  std::uint32_t choice_index_;
  std::unordered_map<std::int32_t, float> bias_;

  std::vector<std::int32_t> history_;
  std::unordered_map<std::int32_t, std::int32_t> counts_;  // of the last `repeat_last_n` tokens
  BreakerScanner breakers_;
  std::size_t after_breaker_ = 0;  // the first token of the history after the last breaker

  Candidates candidates_;
};

}  // namespace hearth
