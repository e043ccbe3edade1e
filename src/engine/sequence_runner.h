// One sequence on a loaded model, fed with tokens that are known: whoever wants the logits of all their positions, to
// write or to compare them, needs no engine, which chooses tokens and returns nothing else.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "kv/block_pool.h"
#include "model/forward_pass.h"

namespace hearth {

class SequenceRunner {
 public:
  // Takes the sequence's memory from the pass's arena, and on a GPU records decoding steps. The pass is loaded and
  // outlives the runner.
  SequenceRunner(ForwardPass& pass, Stream& stream);

  // Appends tokens to the sequence, in steps of at most `step_tokens_max`. `on_logits` hears of all their logits,
  // [tokens, vocabulary], in order, step by step; the memory is reused by the next step. Throws InvalidInput, with both
  // numbers, when the context has no room for them.
  using OnLogits = std::function<void(std::span<const float>)>;
  void feed(std::span<const std::int32_t> tokens, const OnLogits& on_logits);

  std::int64_t context() const { return pass_.options().context; }

 private:
  std::span<const float> on_host(const float* logits, std::int64_t row_count);

  ForwardPass& pass_;
  Stream& stream_;
  SequenceMemory memory_;
  BlockPool pool_;
  BlockTable table_;
  Batch batch_;
  std::vector<float> host_logits_;  // where the device's memory is not the host's
  std::int64_t position_ = 0;
};

}  // namespace hearth
