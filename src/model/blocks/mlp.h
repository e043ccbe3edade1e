// The dense feed-forward part of a layer.
#pragma once

#include <optional>
#include <vector>

#include "model/blocks/step_context.h"

namespace hearth {

// What its matrices are called.
struct MlpWeights {
  Weight gate = Weight::kFfGate;
  Weight up = Weight::kFfUp;
  Weight down = Weight::kFfDown;
  std::optional<Weight> gate_up = Weight::kFfGateUp;  // in place of gate and up
};

class Mlp {
 public:
  // `input`: the form of what run() is given.
  Mlp(Binder& binder, const ModelSpec& spec, const MlpSpec& mlp, std::int64_t layer, Format input,
      const MlpWeights& weights = {});
  // out [tokens, width] = mlp(input).
  void run(const StepContext& context, const Activations& input, float* out) const;

 private:
  MlpSpec spec_;
  std::int64_t width_;
  Format handed_on_;
  const MatmulConversions& conversions_;
  std::vector<Linear> gate_up_;  // gate and up, or one that holds both, or up alone
  Linear down_;
  Kernel<GateCutoffArgs> cutoff_;
  Kernel<ActivationArgs> activation_;
  Kernel<GatedActivationArgs> gated_activation_;
  Planned<float> gate_up_rows_;  // [tokens, 2 ff_width], or without gating [tokens, ff_width]
  Planned<void> hidden_;         // [tokens, ff_width]
  std::optional<Norm> hidden_norm_;
  Planned<float> plain_hidden_;  // [tokens, ff_width]; with hidden_norm_
};

}  // namespace hearth
