// How files say what a model's rotary embedding is: GGUF's keys under `rope.`, or config.json's `rope_parameters` (or
// the older `rope_scaling`), which may differ by the type of layer.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "model/rope_frequencies.h"
#include "model/settings.h"

namespace hearth {

// Whether config.json has a rope of its own for layers of this type ("sliding_attention").
bool has_rope_of(const Settings& settings, std::string_view layer_type);

// The rope of layers of `layer_type`, where types have their own, else of all; empty: that of full attention. Throws
// InvalidInput or Unsupported, naming the setting.
RopeSpec read_rope_spec(const Settings& settings, RopePairs pairs, std::int64_t head_dim, std::int64_t context_max,
                        std::string_view layer_type);

// A number beside the settings of config.json's rope, which is no part of the rope itself.
std::optional<double> number_beside_rope(const Settings& settings, std::string_view key);

// Throws InvalidInput where heads of `head_dim` cannot have this rope. read_rope_spec() has done so.
void check_rope(const Settings& settings, const RopeSpec& rope, std::int64_t head_dim);

}  // namespace hearth
