// What families have in common: sizes, rope with its scalings, masks by layer.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "model/model_spec.h"
#include "model/settings.h"

namespace hearth {

// Whether all layers have attention, or others are among them: then GGUF files list heads by layer, none for those.
enum class AttentionLayers : std::uint8_t { kAll, kSome };

// Sizes, context and layers; every layer causal with attention scale 1 / sqrt(head_dim) and no rope. `config_head_dim`:
// what the family's config.json means where it says no head_dim, if not the width divided by the heads;
// `config_context`: and no number of positions. With kSome, those layers too that have no attention: the family gives
// them what they have.
ModelSpec read_sizes(const Settings& settings, std::optional<std::int64_t> config_head_dim = std::nullopt,
                     AttentionLayers attention_layers = AttentionLayers::kAll,
                     std::optional<std::int64_t> config_context = std::nullopt);

// Throws where query heads cannot share the key/value heads, or a head's size is none that attention has kernels for.
void check_heads(const Settings& settings, const AttentionSpec& attention);

// Which layers of a GGUF file have no attention: those whose number of key/value heads is 0.
std::vector<bool> layers_without_kv_heads(const Settings& settings);

// The same, every layer with this attention.
ModelSpec read_sizes_around(const Settings& settings, const AttentionSpec& attention,
                            std::optional<std::int64_t> config_context = std::nullopt);

// Adds the model's rope and gives it to every layer. `gguf_pairs`: the layout in this family's GGUF files; checkpoints
// in Hugging Face's layout have `config_pairs`.
void read_rope(const Settings& settings, RopePairs gguf_pairs, ModelSpec& spec,
               RopePairs config_pairs = RopePairs::kHalfSplit);

// Whether a GGUF file's rope has positions in sections (time, height, width, another), as models that see have them. In
// text the first three are one position, and the pairs are half-split. Throws Unsupported where a pair follows the
// fourth, which text leaves at 0. `rotary_dim`: of the rope.
bool has_position_sections(const Settings& settings, std::int64_t rotary_dim);

// Gives layers with a sliding window a rope of their own: what config.json says of them, or else the model's without
// scaling and with the base that `base` sets.
void add_sliding_rope(const Settings& settings, const Setting& base, double base_default, ModelSpec& spec);

// Llama's shape: RMS norm, a gated feed-forward part, one rope. What files of the family mean where they do not say it:
struct GatedDecoder {
  RopePairs gguf_pairs;
  RopePairs config_pairs = RopePairs::kHalfSplit;
  Activation activation = Activation::kSilu;
  double epsilon = 1e-6;
  std::optional<std::int64_t> config_head_dim = std::nullopt;  // as of read_sizes()
  AttentionLayers attention_layers = AttentionLayers::kAll;    // likewise
};
ModelSpec read_gated_decoder(const Settings& settings, const GatedDecoder& family);

// Attention with linear biases (Press et al. 2022) in place of a rope, for every layer: the slopes of heads fall from
// 2^(-max_bias / n) to 2^-max_bias, n being the greatest power of two among their number; those beyond n stand between
// the first ones. All times `factor`.
void use_alibi(ModelSpec& spec, double max_bias, float factor = 1);

// Gives every layer the activation that config.json names, or `fallback`.
void read_activation(const Settings& settings, Activation fallback, ModelSpec& spec);

// Which layers have a sliding window: as `layer_types` of config.json lists them, or else all but every `pattern`-th.
std::vector<bool> sliding_layers(const Settings& settings, const ModelSpec& spec, std::int64_t pattern);
void slide(const std::vector<bool>& layers, std::int64_t window, ModelSpec& spec);

// Gives every layer the scale by position that the settings state beside its rope, if any (Ministral 3, Mistral 4).
void read_query_scale(const Settings& settings, ModelSpec& spec);

// Sliding window masks as `layer_types` of config.json lists them, or else on the layers from `first_layer` on.
void read_sliding_window(const Settings& settings, std::int64_t first_layer, ModelSpec& spec);

// LayerNorm, a gated feed-forward part, one rope with the same pairs in both kinds of files.
// `config_context`: as of read_sizes().
ModelSpec read_layer_norm_decoder(const Settings& settings, RopePairs pairs, Activation activation,
                                  std::optional<std::int64_t> config_context = std::nullopt);

// A norm of each head of queries and keys; `by_head`: each has weights of its own.
void norm_query_and_key(AttentionSpec& attention, NormKind kind, bool by_head = false);

// Throws Unsupported where `setting` is true.
void refuse_if(const Settings& settings, const Setting& setting, std::string_view what);

// GPT-2 and its like: LayerNorm, learned positions, a plain feed-forward block with GELU.
ModelSpec read_gpt_sizes(const Settings& settings);

}  // namespace hearth
