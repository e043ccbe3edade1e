// What the user of a file of an unknown architecture is told beside that.
#pragma once

#include <string>

#include "model/settings.h"

namespace hearth {

// A clause: which known architecture is nearest, by the names of both and by those of the tensors, and whether the file
// could be opened as that, which is found out by binding it on the CPU; nothing is loaded.
std::string nearest_architecture_note(const Settings& settings);

}  // namespace hearth
