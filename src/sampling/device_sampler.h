// Sampling where the logits are: a DeviceSampler holds what the host knows of one sequence, and a SamplingStep chooses
// the tokens of many at once with the device's kernels. Down to the host come the tokens' ids and nothing else. The
// tokens are those that a Sampler with the same options chooses, up to the rounding of probabilities.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "device/arena.h"
#include "device/gpu/gpu_device.h"
#include "kernels/kernel_table.h"
#include "kernels/sample/sample.h"
#include "sampling/sampler_options.h"
#include "sampling/token_history.h"

namespace hearth {

class DeviceSampler {
 public:
  using TokenBytes = TokenHistory::TokenBytes;

  // As Sampler's.
  DeviceSampler(SamplerOptions options, std::int32_t vocab_size, TokenBytes token_bytes = {},
                std::uint32_t choice_index = 0);

  void accept_prompt(std::int32_t token) { history_.accept_prompt(token); }
  void accept(std::int32_t token) { history_.accept(token); }
  const SamplerOptions& options() const { return history_.options(); }

  // What the kernels need to choose the token for `position`; what changes single tokens' logits is appended to
  // `adjustments`.
  SampleRow row(std::int64_t position, std::vector<SampleAdjustment>& adjustments) const;
  // The same as if `drafted` had been accepted before.
  SampleRow row_after(std::span<const std::int32_t> drafted, std::int64_t position,
                      std::vector<SampleAdjustment>& adjustments);

 private:
  bool has_stage(SamplerStage stage) const;

  TokenHistory history_;
  std::uint32_t choice_index_;
};

// The device's memory for choosing the tokens of up to `row_count_max` sequences at once.
class SamplingStep {
 public:
  struct Request {
    DeviceSampler* sampler;
    std::int64_t position;
    std::span<const std::uint32_t> mask = {};    // as Sampler::sample's
    std::span<const std::int32_t> drafted = {};  // as DeviceSampler::row_after()'s
  };

  // More adjustments than `adjustment_count_max` in one step cost further launches, and no more memory.
  static constexpr std::int64_t kAdjustmentsMax = 4096;
  static std::int64_t memory_bytes(std::int64_t row_count_max, std::int64_t vocab_size,
                                   std::int64_t adjustment_count_max = kAdjustmentsMax);

  // Takes memory_bytes() of the arena, which outlives the step. Throws Unsupported where the device has no sampling
  // kernel.
  SamplingStep(const Backend& backend, Arena& arena, std::int64_t row_count_max, std::int32_t vocab_size,
               std::int64_t adjustment_count_max = kAdjustmentsMax);

  // Chooses a token from each row of `logits` [requests, vocab], in the device's memory, and waits for them. What a
  // mask forbids has the logit minus infinity then. A row's token does not depend on the others. An id below 0: no
  // token is possible in that row (no_token_message()).
  void run(Stream& stream, float* logits, std::span<const Request> requests, std::span<std::int32_t> ids);

 private:
  struct Parts;
  // Launches as many of the requests as the memory for adjustments has room for; returns how many.
  std::size_t launch_some(Stream& stream, float* logits, std::span<const Request> requests, std::int32_t* ids);

  const KernelTable& kernels_;
  std::int64_t row_count_max_, vocab_size_, adjustment_count_max_;
  std::byte* memory_ = nullptr;
  GpuDevice::PinnedBuffer upload_;  // what is under way; pinned, else the host would wait for the step before it copies
};

}  // namespace hearth
