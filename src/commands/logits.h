// `hearth logits`: the logits of every position of a list of token ids, as a NumPy file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "commands/model_session.h"

namespace hearth {

struct LogitsOptions {
  ModelOptions model;
  std::vector<std::int32_t> tokens;
  std::filesystem::path out;
  std::int64_t chunk = 0;  // tokens per step; 0: 512
};

// Writes float32 [tokens, vocabulary] in NumPy's format, version 1.0. Adds no token. Throws Error.
void write_logits(const LogitsOptions& options);

}  // namespace hearth
