// What mixers with a recurrence have in common: the short convolution in front of it, whose state stands before the
// recurrence's in a sequence's slot, and the small tensors that are stored in one way or another.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "model/blocks/attention.h"

namespace hearth {

// `count` floats of a tensor of any shape, none where the tensor is absent and not `needed`.
Planned<const float> bind_flat_floats(Binder& binder, const std::string& tensor, std::int64_t count, bool needed);
// How fast a recurrence forgets, below 0: checkpoints have the logarithm of its magnitude.
Planned<const float> bind_decay_rates(Binder& binder, const std::string& tensor, std::int64_t count);

// A causal convolution with SiLU over columns of a matrix.
class Convolution {
 public:
  // Of the channels of several tensors side by side; `names` without ".weight", and a bias for all or none.
  Convolution(Binder& binder, std::span<const std::string> names, std::span<const std::int64_t> channels,
              std::int64_t kernel, std::int64_t layer);
  // out [tokens, channels], contiguous = silu(conv(x)), rows of x `x_stride` elements apart.
  void run(const StepContext& context, const float* x, std::int64_t x_stride, const LayerStates& states,
           float* out) const;

 private:
  std::int64_t channels_ = 0, kernel_;
  Planned<const float> weight_;  // [kernel, channels]
  Planned<const float> bias_;
  Kernel<CausalConvArgs> conv_;
};

}  // namespace hearth
