// `hearth perplexity`: how likely a model finds a text, and how far its distributions are from those of a base run.
#pragma once

#include <cstdint>
#include <filesystem>

#include "commands/measure/scored_windows.h"

namespace hearth {

struct PerplexityOptions {
  ModelOptions model;  // context: tokens of a window; 0: 512, or as the base run had it
  WindowOptions windows;
  std::int64_t chunk = 0;           // tokens per step; 0: as ScorerShape
  std::filesystem::path save_base;  // empty: the log-probabilities are not kept
  std::filesystem::path base;       // a base run to compare with, which brings its text; empty: none
  bool json = false;
};

// Prints what was measured. Returns the exit status. Throws Error.
int perplexity(const PerplexityOptions& options);

}  // namespace hearth
