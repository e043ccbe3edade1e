// Lightning attention (Qin et al. 2024): attention without a softmax, whose keys fade with the distance at a rate of
// the head, so that all that it keeps of a sequence is a matrix for each head. It is a selective scan whose steps are
// all 1: values are its input, keys and queries its B and C.
#pragma once

#include "model/blocks/recurrence.h"

namespace hearth {

class Lightning {
 public:
  // `input`: the form of what run() is given.
  Lightning(const LayerParts& parts, const LightningSpec& spec, std::int64_t layer, Format input);
  // out [tokens, width] = the mixer of the input.
  void run(const StepContext& context, const Activations& input, const LayerMemory& memory, float* out) const;

 private:
  LightningSpec spec_;
  std::int64_t width_;
  Format handed_on_;
  const MatmulConversions& conversions_;
  Linear qkv_, gate_, output_;
  Planned<const float> rates_;  // [heads], below 0
  Planned<const float> steps_;  // [heads]: read, and held at 1
  Planned<const float> norm_;
  Kernel<ActivationArgs> activation_;
  Kernel<SelectiveScanArgs> scan_;
  Kernel<GatedRmsNormArgs> gated_norm_;
  Planned<float> qkv_rows_;   // [tokens, 3, heads, head_dim]
  Planned<float> gate_rows_;  // [tokens, heads, head_dim]
  Planned<float> scanned_;    // likewise
  Planned<void> gated_;       // likewise
};

}  // namespace hearth
