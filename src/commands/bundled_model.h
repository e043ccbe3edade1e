// The small model that comes with Hearth, for whoever names none.
#pragma once

#include <filesystem>

namespace hearth {

// The model that the user named; where that is empty, the bundled one: beside the program, or in the data folder of an
// installation (../share/hearth from there). Throws InvalidInput, with the places looked at, if it is in neither.
std::filesystem::path model_or_bundled(const std::filesystem::path& named);

}  // namespace hearth
