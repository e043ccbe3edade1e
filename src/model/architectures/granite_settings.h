// What Granite's families have in common.
#pragma once

#include "model/architectures/common.h"

namespace hearth {

// Llama's shape with Granite's four multipliers.
ModelSpec read_granite_decoder(const Settings& settings, AttentionLayers layers = AttentionLayers::kAll);

}  // namespace hearth
