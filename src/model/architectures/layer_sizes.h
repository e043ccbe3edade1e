// What families have in common whose layers with a window and those without have other numbers of heads, and each kind
// a rope of its own.
#pragma once

#include <cstdint>

#include "model/model_spec.h"
#include "model/settings.h"

namespace hearth {

// The sizes of a head, as read_sizes() reads them, with the scale that follows; numbers of heads are the layers' own.
// Values may be shorter than keys.
AttentionSpec read_shared_sizes(const Settings& settings, std::int64_t config_head_dim);

// Numbers of heads, one for each layer or for all. Throws InvalidInput where there are none, or none that fit.
void give_layer_heads(const Settings& settings, const Setting& heads, const Setting& kv_heads, ModelSpec& spec);

// The rope of layers that see everything, and that of those with a window. Throws InvalidInput where config.json has
// none for a type of layer that there is.
void read_ropes_of_types(const Settings& settings, ModelSpec& spec);

}  // namespace hearth
