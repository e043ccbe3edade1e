// What Gemma 3n and 4 have in common.
#pragma once

#include <cstdint>
#include <vector>

#include "model/model_spec.h"
#include "model/settings.h"

namespace hearth {

// Of config.json: how many of the last layers have no keys and values of their own.
inline constexpr Setting kSharedKeyLayers{"attention.shared_kv_layers", {"num_kv_shared_layers"}};
// Elements of each layer's own input.
inline constexpr Setting kLayerInputWidth{"embedding_length_per_layer_input", {"hidden_size_per_layer_input"}};

// Lets the last `count` layers see the keys and values of the last layer before them that slides as they do. Throws
// InvalidInput where there is none, or it has others heads.
void share_keys(const Settings& settings, std::int64_t count, const std::vector<bool>& slides, ModelSpec& spec);

}  // namespace hearth
