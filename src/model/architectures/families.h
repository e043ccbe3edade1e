// How each family's settings are read; one source file per family.
#pragma once

#include "model/model_spec.h"
#include "model/settings.h"

namespace hearth {

ModelSpec read_llama(const Settings& settings);
ModelSpec read_mistral(const Settings& settings);
ModelSpec read_qwen2(const Settings& settings);
ModelSpec read_qwen3(const Settings& settings);
ModelSpec read_gpt2(const Settings& settings);
ModelSpec read_gpt_bigcode(const Settings& settings);

}  // namespace hearth
