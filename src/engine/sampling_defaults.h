// The sampling options that a model's own files recommend.
#pragma once

#include "sampling/sampler_options.h"
#include "weights/model_source.h"

namespace hearth {

// Hearth's defaults, overridden by generation_config.json or by GGUF's general.sampling.* keys. Throws InvalidInput,
// naming the option, where a file recommends what is out of range.
SamplerOptions sampling_defaults(const ModelSource& source);

}  // namespace hearth
