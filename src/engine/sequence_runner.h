// One sequence on a loaded model: feeds tokens through the forward pass in steps of a bounded size, and keeps its place
// in the cache. What the command line needs until many sequences are scheduled together.
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
  // Takes the cache from the pass's arena, and on a GPU records decoding steps. The pass is loaded and outlives the
  // runner.
  SequenceRunner(ForwardPass& pass, Stream& stream);

  // Appends tokens to the sequence, in steps of at most `step_tokens_max`. `on_logits` (may be empty) hears of the
  // logits [rows, vocabulary] that were asked for, in order, step by step; the memory is reused by the next step.
  // Throws InvalidInput, with both numbers, when the context has no room for them. Returns false if `keep_going` said
  // no before a step.
  using OnLogits = std::function<void(std::span<const float>)>;
  bool feed(std::span<const std::int32_t> tokens, Batch::Logits logits, const OnLogits& on_logits,
            const std::function<bool()>& keep_going = {});

  // The same, where the logits stay in the device's memory: [rows, vocabulary].
  using OnDeviceLogits = std::function<void(const float* logits, std::int64_t row_count)>;
  bool feed_on_device(std::span<const std::int32_t> tokens, Batch::Logits logits, const OnDeviceLogits& on_logits,
                      const std::function<bool()>& keep_going = {});

  std::int64_t position() const { return position_; }  // tokens so far
  std::int64_t context() const { return pass_.options().context; }

 private:
  ForwardPass& pass_;
  Stream& stream_;
  PagedKvCache cache_;
  BlockPool pool_;
  BlockTable table_;
  Batch batch_;
  std::vector<float> host_logits_;  // where the device's memory is not the host's
  std::int64_t position_ = 0;
};

}  // namespace hearth
