// The small model that comes with Hearth, for whoever names none.
#pragma once

#include <filesystem>
#include <string_view>

namespace hearth {

// What it is called where models go by names.
inline constexpr std::string_view kBundledModel = "hearth-tales-9m-q8_0";
// With or without the tag that Ollama's clients put behind names.
bool is_bundled_name(std::string_view name);

// The model that the user named; where that is empty, the bundled one: beside the program, or in the data folder of an
// installation (../share/hearth from there). Throws InvalidInput, with the places looked at, if it is in neither.
std::filesystem::path model_or_bundled(const std::filesystem::path& named);

}  // namespace hearth
