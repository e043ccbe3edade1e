// What one step computes: tokens of one or more sequences, prefill and decode mixed, as flat arrays.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "kernels/attention_steps/attention_steps.h"

namespace hearth {

class Batch {
 public:
  // How many of a sequence's tokens need logits, the last ones. Logits{n}: n of them.
  enum class Logits : std::int64_t { kNone = 0, kLast = 1, kAll = std::numeric_limits<std::int64_t>::max() };

  void clear();
  // Appends a sequence's next tokens: the first stands at `first_position`. `blocks` is its block table, with room for
  // all of them. `prefix_length`: how many of the sequence's tokens see each other under a prefix mask. `state_slot`:
  // where its state is, in models that have one. `second_begin`: of a pair of texts the position at which the second
  // begins; 0: it is one text.
  void add(std::span<const std::int32_t> tokens, std::int64_t first_position, std::span<const std::int32_t> blocks,
           std::int64_t prefix_length, Logits logits, std::int32_t state_slot = 0, std::int64_t second_begin = 0);

  // Becomes the same step with a sequence for each token of `other`: each sees the tokens before it in the cache. All
  // of them have logits, and none a state or a prefix mask.
  void assign_single_tokens(const Batch& other);

  std::int64_t token_count() const { return static_cast<std::int64_t>(tokens_.size()); }
  std::int64_t sequence_count() const { return static_cast<std::int64_t>(key_counts_.size()); }
  std::int64_t key_count_max() const;  // of its sequences; 0 if there is none
  const std::vector<std::int32_t>& tokens() const { return tokens_; }
  const std::vector<std::int32_t>& token_types() const { return token_types_; }  // 1 of a pair's second text, else 0
  const std::vector<std::int32_t>& logit_rows() const { return logit_rows_; }    // indices of tokens, ascending
  std::vector<SequencePart> sequence_parts() const;                              // in order
  StepView view() const;                                                         // valid until the batch changes

 private:
  std::vector<std::int32_t> tokens_, token_types_, positions_, sequences_, key_counts_, prefix_lengths_, logit_rows_;
  std::vector<std::int32_t> token_starts_, state_slots_;  // where each sequence's tokens begin
  std::vector<std::vector<std::int32_t>> tables_;         // reused between steps; the first sequence_count() are in use
  mutable std::vector<std::int32_t> block_tables_, starts_with_end_;
};

}  // namespace hearth
