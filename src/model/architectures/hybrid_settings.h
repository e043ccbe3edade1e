// What families with recurrences have in common: which layers have them, and the sizes of Mamba's.
#pragma once

#include <string_view>
#include <vector>

#include "model/model_spec.h"
#include "model/settings.h"

namespace hearth {

// What a layer has where not all have the same.
enum class LayerKind : std::uint8_t { kAttention, kRecurrence, kMlp, kExperts };

// As `layer_types` of config.json (or what older files call it) lists them; attention and recurrences only, unless
// `single_parts`. Nothing: there is no such list.
std::vector<LayerKind> listed_layer_kinds(const Settings& settings, bool single_parts = false);

// Which layers of a GGUF file have a recurrence: those that it lists, or that have no key/value heads; or all but every
// `interval`-th one.
std::vector<bool> recurrent_layers_of_gguf(const Settings& settings, std::int64_t interval);

// Mamba 2 as GGUF's `ssm` keys or config.json describe it; the family says what norm it has. Throws InvalidInput where
// the sizes do not fit together.
MambaSpec read_mamba2(const Settings& settings, std::int64_t width);
// The limits of Mamba 2's steps, where config.json has them.
void read_step_limits(const Settings& settings, MambaSpec& mamba);

// A list of config.json with one number for each of `count` names; nothing if it is absent.
std::vector<double> config_numbers(const Settings& settings, std::string_view key, std::size_t count);

}  // namespace hearth
