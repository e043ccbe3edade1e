// LFM2's short convolution with its projections: of three projections b, c and x of the input, b gates what goes into
// the convolution and c what comes out.
#pragma once

#include "model/blocks/attention.h"

namespace hearth {

// A depthwise convolution's weight, which files have as [channels, kernel] (with a 1 between), as causal_conv wants it.
Planned<const float> bind_conv_weight(Binder& binder, const std::string& name, std::int64_t channels,
                                      std::int64_t kernel);

class ShortConv {
 public:
  // `input`: the form of what run() is given.
  ShortConv(const LayerParts& parts, std::int64_t layer, Format input);
  // out [tokens, width] = output(c * conv(b * x)).
  void run(const StepContext& context, const Activations& input, const LayerMemory& memory, float* out) const;

 private:
  ShortConvSpec spec_;
  Format handed_on_;
  const MatmulConversions& conversions_;
  Linear projection_;  // b, c and x
  Linear output_;
  Planned<const float> weight_, bias_;
  Kernel<CausalConvArgs> conv_;
  Planned<float> projected_;  // [tokens, 3 width]
  Planned<void> convolved_;   // [tokens, width]
};

}  // namespace hearth
