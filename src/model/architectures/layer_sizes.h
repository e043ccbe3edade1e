// What families have in common whose layers with a window and those without have other numbers of heads, and each kind
// a rope of its own.
#pragma once

#include <cstdint>
#include <vector>

#include "model/model_spec.h"
#include "model/settings.h"

namespace hearth {

// The sizes of a head, as read_sizes() reads them, with the scale that follows; numbers of heads are the layers' own.
// Values may be shorter than keys.
AttentionSpec read_shared_sizes(const Settings& settings, std::int64_t config_head_dim);

// Which layers have a window: as they are listed, or of config.json all but every `config_pattern`-th. The period that
// a GGUF file may have instead, or else 4, is counted from a layer that sees everything.
std::vector<bool> layers_with_window(const Settings& settings, const ModelSpec& spec, std::int64_t config_pattern);

// Numbers of heads, one for each layer or for all. Throws InvalidInput where there are none, or none that fit.
void give_layer_heads(const Settings& settings, const Setting& heads, const Setting& kv_heads, ModelSpec& spec);

// The rope of layers that see everything, and that of those with a window. Throws InvalidInput where config.json has
// none for a type of layer that there is.
void read_ropes_of_types(const Settings& settings, ModelSpec& spec);

}  // namespace hearth
