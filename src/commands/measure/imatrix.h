// `hearth imatrix`: an importance matrix, measured while the model reads a text, for `hearth quantize --imatrix`.
#pragma once

#include <cstdint>
#include <filesystem>

#include "commands/measure/scored_windows.h"

namespace hearth {

struct ImatrixOptions {
  ModelOptions model;  // context: tokens of a window; 0: 512
  WindowOptions windows;
  std::int64_t chunk = 0;  // tokens per step; 0: as ScorerShape
  std::filesystem::path out;
  bool with_output = false;  // the output matrix as well
};

// Returns the exit status. Throws Error, Unsupported for a model that is no GGUF file: names are those of its tensors.
int measure_importance(const ImatrixOptions& options);

}  // namespace hearth
