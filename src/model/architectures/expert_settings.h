// What families with experts have in common.
#pragma once

#include <optional>

#include "model/model_spec.h"
#include "model/settings.h"

namespace hearth {

// What of a router a family's files need not say.
struct RouterDefaults {
  RouterScore score = RouterScore::kSoftmax;
  bool normalize = false;
  std::optional<bool> gguf_normalize = std::nullopt;  // what its GGUF files mean, whatever they say
  float sum_offset = 0;
  float sum_min = 0;
};

// The experts that the settings describe. Throws InvalidInput where they cannot be.
ExpertsSpec read_experts(const Settings& settings, const RouterDefaults& router);

// Gives them to every layer but the leading dense ones and those that config.json lists as dense.
void give_experts(const Settings& settings, const ExpertsSpec& experts, ModelSpec& spec);

// Gives them to the layers that config.json's `mlp_layer_types` calls sparse; false: there is no such list.
bool give_listed_experts(const Settings& settings, const ExpertsSpec& experts, ModelSpec& spec);

// Gives them to the layers that have a router in a GGUF file.
void give_experts_in_file(const Settings& settings, const ExpertsSpec& experts, ModelSpec& spec);

}  // namespace hearth
