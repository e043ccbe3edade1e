// `hearth replay`: runs the requests of a server's replay file again, one at a time, and compares the answers bit for
// bit. Under another model, build, device or compute mode it refuses and says which.
#pragma once

#include <filesystem>
#include <string>

#include "commands/model_session.h"

namespace hearth {

struct ReplayOptions {
  std::filesystem::path log;
  ModelOptions model;          // without a context: the log's
  std::string id;              // only this request; empty: all
  bool only_matching = false;  // leave out what was logged under another fingerprint, instead of refusing
  bool json = false;
  std::string version;  // of the program, as `hearth --version` prints it
};

// Prints a line for each answer that differs, and a summary. Returns the exit status: 0 where all are the same, else 1.
// Throws InvalidInput for a log that is none or that another fingerprint made, and what loading a model throws.
int replay(const ReplayOptions& options);

}  // namespace hearth
