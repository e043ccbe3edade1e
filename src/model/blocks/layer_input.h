// Inputs of layers' own (per-layer embeddings, Gemma 3n and 4): each token has a vector for every layer, of a table and
// of its embedding; at a layer's end x chooses what of it is added to x.
#pragma once

#include "model/blocks/attention.h"
#include "model/blocks/weight_table.h"

namespace hearth {

// Those of all layers: [tokens, layers, layer_input_width], in an area of the work space that the layers read.
class LayerInputs {
 public:
  LayerInputs(Binder& binder, const ModelSpec& spec);
  // Of tokens with these embeddings, [tokens, width].
  void run(Stream& stream, const std::int32_t* tokens, std::int64_t token_count, const float* embeddings) const;

 private:
  std::int64_t width_, inputs_width_, layers_;
  bool round_to_bf16_;
  float scale_;
  bool is_short_ = false;  // the table has fewer rows than the vocabulary
  const MatmulConversions& conversions_;
  WeightTable table_;
  Kernel<EmbeddingGatherArgs> gather_;
  Linear projection_;
  Norm norm_;
  Kernel<ResidualAddArgs> add_;
  Planned<float> inputs_, projected_;  // [tokens, layers, layer_input_width]
};

// One layer's.
class LayerInput {
 public:
  LayerInput(const LayerParts& parts, std::int64_t layer);
  // out [tokens, width] = norm(projection(act(gate(chooser)) * the layer's input)); it may be the chooser.
  void run(const StepContext& context, const float* chooser, float* out) const;

 private:
  std::int64_t width_, input_width_, layer_, layers_;
  Activation function_;
  Format handed_on_;
  const MatmulConversions& conversions_;
  Linear gate_, projection_;
  Norm norm_;
  Kernel<GatedActivationArgs> activation_;
  Planned<float> inputs_;  // [tokens, layers, layer_input_width]: of LayerInputs
  Planned<float> gates_;   // [tokens, layer_input_width]
  Planned<void> chosen_;   // [tokens, layer_input_width]
};

}  // namespace hearth
