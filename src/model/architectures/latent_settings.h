// What families with latent attention have in common.
#pragma once

#include <cstdint>

#include "model/model_spec.h"
#include "model/settings.h"

namespace hearth {

// Where files must say how long a head's values are, or else those of all heads are as wide as the residual stream.
enum class LatentValues : std::uint8_t { kStated, kOfWidth };

// The attention that the settings describe, causal, without a rope: as config.json says it, or GGUF's keys for files
// that have k_b and v_b apart, or older ones whose heads' sizes are those of whole keys and values. The scale is that
// of whole keys. Throws InvalidInput or Unsupported.
AttentionSpec read_latent_attention(const Settings& settings, LatentValues values = LatentValues::kStated);

// The factor of the scale that YaRN brings along (its mscale, twice), once the rope is read; GGUF files have it as
// `rope.scaling.yarn_log_multiplier`, and their cosines are not scaled by it.
void scale_latent_attention(const Settings& settings, ModelSpec& spec);

}  // namespace hearth
