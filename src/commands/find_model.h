// What MODEL means on the command line: a file or folder, or a name that stands for one on this machine; and what may
// be fetched, once the user has said so.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace hearth {

// The path that ModelSource opens. Empty: the bundled model. A path that is there is taken as it is; a name is looked
// for in the hub's cache, among those of `hearth cp` and of Ollama. One that could be fetched is, if there is a
// terminal and the user says yes. Throws InvalidInput, with the command that would fetch it.
std::filesystem::path find_model(const std::filesystem::path& named);

// The name that stands for a path, for APIs that show it: nullopt where `named` is a path itself, or empty.
std::optional<std::string> model_name(const std::filesystem::path& named);

}  // namespace hearth
