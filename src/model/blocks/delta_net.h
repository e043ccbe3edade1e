// The gated delta rule with its projections (Qwen3-Next, Qwen3.5), and Kimi delta attention, whose decays and output
// gates are products of two matrices: queries, keys and values of the input are convolved, go through the rule, and
// what comes out is normalized, gated and projected back.
#pragma once

#include "model/blocks/recurrence.h"

namespace hearth {

class DeltaNet {
 public:
  // `input`: the form of what run() is given.
  DeltaNet(const LayerParts& parts, std::int64_t layer, Format input);
  // out [tokens, width] = the mixer of the input.
  void run(const StepContext& context, const Activations& input, const LayerMemory& memory, float* out) const;

 private:
  // A product of two matrices.
  struct Pair {
    Linear first, second;
    Planned<float> middle;  // [tokens, first.out()]
    Planned<float> out;     // [tokens, second.out()]
  };
  static std::optional<Pair> bind_pair(const LayerParts& parts, std::int64_t layer, Format input, Weight first,
                                       Weight second, std::int64_t out, std::string_view area);
  void run_pair(const StepContext& context, const Activations& input, const Pair& pair) const;

  DeltaSpec spec_;
  std::int64_t width_, row_;  // row_: elements from one token's projections to the next's
  Format handed_on_;
  const MatmulConversions& conversions_;
  std::vector<Linear> projections_;  // queries, keys and values; gate; beta; decay, as far as they are single matrices
  std::optional<Pair> decay_, gate_;
  Convolution convolution_;
  Planned<const float> rate_, decay_bias_, norm_;
  float epsilon_;
  Linear output_;
  Kernel<GatedDeltaArgs> delta_;
  Kernel<GatedRmsNormArgs> gated_norm_;
  Planned<float> projected_;  // [tokens, row_]
  Planned<float> convolved_;  // [tokens, conv_width]
  Planned<float> recurred_;   // [tokens, v_width]
  Planned<void> gated_;       // [tokens, v_width]
};

}  // namespace hearth
