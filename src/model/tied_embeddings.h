// One matrix or two for the two ends of a model: what config.json says of it against what is stored. A file that says
// two and holds one was converted wrongly or is not complete. One that says one and holds two that differ is used as it
// is stored, as transformers does.
#pragma once

#include <string>
#include <vector>

#include "model/binder.h"
#include "model/settings.h"

namespace hearth {

// A problem for the binder, or sentences for the user, if there is anything to say.
std::vector<std::string> check_tied_embeddings(const Settings& settings, Binder& binder);

}  // namespace hearth
