// Chooses a sequence's next token from the logits: bias, the stages in their order, and one draw. The token is a
// function of the options, the tokens accepted, the logits, the choice's index and the position; there is no state of a
// generator, so neither other requests nor earlier draws can change it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "sampling/candidates.h"
#include "sampling/sampler_options.h"
#include "sampling/token_history.h"

namespace hearth {

struct TokenProbability {
  std::int32_t id;
  double probability;
};

class Sampler {
 public:
  using TokenBytes = TokenHistory::TokenBytes;

  // As TokenHistory's. The choices of one request (the same prompt and seed) differ by `choice_index`.
  Sampler(SamplerOptions options, std::int32_t vocab_size, TokenBytes token_bytes = {}, std::uint32_t choice_index = 0);

  // A token of the sequence, of the prompt or chosen, in order: what penalties and DRY look back on.
  void accept_prompt(std::int32_t token) { history_.accept_prompt(token); }
  void accept(std::int32_t token) { history_.accept(token); }
  // As TokenHistory's.
  TokenHistory::Mark mark() const { return history_.mark(); }
  void go_back(const TokenHistory::Mark& mark) { history_.go_back(mark); }

  // The token for `position`. `logits` [vocab]; a NaN counts as minus infinity. `mask`: the tokens that may come, a bit
  // for each (Candidates::assign); empty: all. Throws Error if no token is possible.
  std::int32_t sample(std::span<const float> logits, std::int64_t position, std::span<const std::uint32_t> mask = {});

  // What the last `sample` drew from: the tokens that were left, and their probabilities.
  std::vector<TokenProbability> distribution() const;

  const SamplerOptions& options() const { return history_.options(); }

 private:
  void apply(SamplerStage stage, std::uint64_t position);

  TokenHistory history_;
  std::uint32_t choice_index_;
  std::unordered_map<std::int32_t, float> bias_;
  Candidates candidates_;
};

// What is said where a sampler finds no token possible.
std::string no_token_message(std::int64_t position, std::int32_t vocab_size);

}  // namespace hearth
