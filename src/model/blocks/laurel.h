// Learned augmented residuals (LAuReL, Menghani et al. 2024), as Gemma 3n has them: beside the mixer goes its input,
// plain and through two matrices of low rank, and all of it is added to x.
#pragma once

#include "model/blocks/attention.h"

namespace hearth {

class Laurel {
 public:
  Laurel(const LayerParts& parts, std::int64_t layer);
  // x = (x + delta + input + norm(right(left(input)))) / sqrt(2), where the mixer made delta of its input [tokens,
  // width].
  void run(const StepContext& context, const float* input) const;

 private:
  std::int64_t width_, rank_;
  const MatmulConversions& conversions_;
  Linear left_, right_;
  Norm norm_;
  Kernel<ResidualAddArgs> add_;
  Planned<float> middle_;  // [tokens, rank]
  Planned<float> way_;     // [tokens, width]
};

}  // namespace hearth
