// Mamba 1 and 2 with their projections: part of the input is convolved and goes through a selective state space, the
// other part is the gate of what comes out.
#pragma once

#include "model/blocks/recurrence.h"

namespace hearth {

class Mamba {
 public:
  // `input`: the form of what run() is given.
  Mamba(const LayerParts& parts, const MambaSpec& spec, std::int64_t layer, Format input);
  // out [tokens, width] = the mixer of the input.
  void run(const StepContext& context, const Activations& input, const LayerMemory& memory, float* out) const;

 private:
  void bind_step(const LayerParts& parts, std::int64_t layer);
  void run_scan(const StepContext& context, const LayerMemory& memory) const;
  void run_gate(const StepContext& context) const;
  void normalize_step(const StepContext& context) const;

  MambaSpec spec_;
  std::int64_t width_, row_;  // row_: elements from one token's projections to the next's
  Format handed_on_;
  const MatmulConversions& conversions_;
  std::vector<Linear> projections_;  // gate, what is convolved, and Mamba 2's steps, in this order
  Convolution convolution_;
  std::vector<Linear> step_inputs_, step_groups_, step_;  // Mamba 1: of a low rank; B and C; back to all channels
  std::vector<Norm> step_norms_;                          // of step, B and C; or of step, and of both B and C
  Planned<const float> rate_, step_bias_, skip_, norm_;
  float epsilon_;
  Linear output_;
  Kernel<SelectiveScanArgs> scan_;
  Kernel<GatedRmsNormArgs> gated_norm_;
  Planned<float> projected_;               // [tokens, row_]
  Planned<float> convolved_;               // [tokens, conv_width]
  Planned<float> ranks_, groups_, steps_;  // Mamba 1: [tokens, dt_rank], [tokens, 2 state], [tokens, inner]
  Planned<float> scanned_;                 // [tokens, inner]
  Planned<void> gated_;                    // [tokens, inner]
};

}  // namespace hearth
