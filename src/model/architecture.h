// The model families that Hearth knows. A family is one file in architectures/ that says how its settings become a
// ModelSpec, and a line in the list of architectures/families.h.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "model/model_spec.h"
#include "model/settings.h"
#include "model/tensor_names.h"

namespace hearth {

// What most layers of a family's models are, for the user to read (`hearth inspect --families`).
enum class FamilyKind : std::uint8_t {
  kDense,
  kExperts,
  kHybrid,     // attention in some layers, and in others, or beside it, a mixer with a state
  kRecurrent,  // no attention
  kEncoder,    // every token sees those after it
};
std::string_view family_kind_name(FamilyKind kind);

struct Architecture {
  std::string_view gguf_name;    // general.architecture
  std::string_view config_name;  // model_type of config.json; either may be empty
  NameScheme config_names;       // how such a checkpoint spells its tensors
  ModelSpec (*read_spec)(const Settings& settings);
  std::span<const OwnName> own_names = {};  // where its files spell otherwise than the schemes
  FamilyKind kind = FamilyKind::kDense;
  std::string_view mixers = "attention";  // of its layers, in words
};

const std::vector<Architecture>& architectures();

// Throws Unsupported, listing what is known, and with what nearest_architecture_note() says.
const Architecture& architecture_of(const Settings& settings);

// What the settings say, read as their architecture's. Throws InvalidInput, or Unsupported with the names of settings
// that would change results and that nothing has read (unread_settings.h).
ModelSpec read_model_spec(const Settings& settings);

}  // namespace hearth
