// One layer of a decoder: a mixer and a feed-forward part, each with the norms that the layer has before and after it,
// added to the residual stream; and what some layers have around them.
#pragma once

#include <optional>
#include <variant>

#include "model/blocks/alt_up.h"
#include "model/blocks/attention.h"
#include "model/blocks/delta_net.h"
#include "model/blocks/experts.h"
#include "model/blocks/latent_attention.h"
#include "model/blocks/laurel.h"
#include "model/blocks/layer_input.h"
#include "model/blocks/lightning.h"
#include "model/blocks/mamba.h"
#include "model/blocks/mlp.h"
#include "model/blocks/short_conv.h"

namespace hearth {

class TransformerLayer {
 public:
  TransformerLayer(const LayerParts& parts, std::int64_t layer);
  // Leaves in context.delta what is still to be added to context.x, if leaves_delta(); `add_delta`: so did the layer
  // before.
  void run(const StepContext& context, const LayerMemory& memory, bool add_delta) const;

  bool leaves_delta() const { return !norm_of_sum_ && !alt_up_ && !input_ && !output_scale_; }

 private:
  // What the next part reads: the norm of x, in `format`, or x itself. With `add_delta`, x += delta comes first.
  Activations read(const StepContext& context, const std::optional<Norm>& norm, bool add_delta, Format format) const;
  void run_parts(const StepContext& context, const LayerMemory& memory, bool add_delta) const;
  void run_end(const StepContext& context) const;
  void bind_end(const LayerParts& parts, std::int64_t layer);
  void run_mixer(const StepContext& context, const Activations& input, const LayerMemory& memory) const;
  void run_feed_forward(const StepContext& context, const Activations& input, float* delta) const;
  void run_with_norms_of_sums(const StepContext& context, const LayerMemory& memory) const;
  void finish(const StepContext& context, const std::optional<Norm>& norm, float* delta) const;

  std::int64_t width_;
  bool parallel_, norm_of_sum_, adds_to_norm_;
  float mixer_sum_factor_;
  Format handed_on_, mixer_input_;
  std::optional<Norm> mixer_norm_, ff_norm_, mixer_post_norm_, ff_post_norm_;
  using Mixer = std::variant<Attention, LatentAttention, ShortConv, DeltaNet, Mamba, Lightning>;
  using FeedForward = std::variant<Mlp, Experts>;
  static std::optional<Mixer> bind_mixer(const LayerParts& parts, std::int64_t layer);
  static std::optional<FeedForward> bind_feed_forward(const LayerParts& parts, std::int64_t layer);

  std::optional<Mixer> mixer_;  // a layer has it, or a feed-forward part, or both
  std::optional<Mamba> beside_;
  std::optional<FeedForward> feed_forward_;
  std::optional<Mlp> dense_;  // beside the experts
  std::optional<Norm> dense_post_norm_, experts_norm_, experts_post_norm_;
  std::optional<Laurel> laurel_;
  std::optional<AltUpLayer> alt_up_;
  std::optional<LayerInput> input_;
  std::optional<float> output_scale_;
  Kernel<ResidualAddArgs> residual_add_;  // where there is no norm that adds
  Planned<void> normed_;                  // [tokens, width]
  Planned<float> second_;                 // [tokens, width]: of two parts that run side by side
};

}  // namespace hearth
