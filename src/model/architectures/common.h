// What families have in common: sizes, rope with its scalings, masks by layer.
#pragma once

#include "model/model_spec.h"
#include "model/settings.h"

namespace hearth {

// Sizes, context and layers; every layer causal with attention scale 1 / sqrt(head_dim) and no rope.
ModelSpec read_sizes(const Settings& settings);

// Adds the model's rope and gives it to every layer. `gguf_pairs`: the layout in this family's GGUF files; checkpoints
// in Hugging Face's layout are half-split.
void read_rope(const Settings& settings, RopePairs gguf_pairs, ModelSpec& spec);

// The activation that config.json names, or `fallback`.
Activation read_activation(const Settings& settings, Activation fallback);

// Sliding window masks as `layer_types` of config.json lists them, or else on the layers from `first_layer` on.
void read_sliding_window(const Settings& settings, std::int64_t first_layer, ModelSpec& spec);

// GPT-2 and its like: LayerNorm, learned positions, a plain feed-forward block with GELU.
ModelSpec read_gpt_sizes(const Settings& settings);

}  // namespace hearth
