// `hearth embed`: texts, or a list of token ids, as vectors; or every token's state.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "commands/model_session.h"

namespace hearth {

struct EmbedOptions {
  ModelOptions model;
  std::vector<std::string> texts;
  std::optional<std::filesystem::path> file;  // a text on each line
  std::vector<std::int32_t> tokens;           // in place of texts: one, to which none is added
  std::optional<std::string> pooling;         // unset: as the model's files say
  std::optional<std::string> prompt;          // by name; unset: the model's default one, if it has one
  std::int64_t dimensions = 0;                // the first so many; 0: all
  std::filesystem::path out;                  // empty: lines of JSON on standard output
};

// Writes float32 [texts, dimensions] in NumPy's format, version 1.0, at length 1 unless the model's files leave it out;
// without pooling [tokens of all texts, width], as the model computes them. Without a text: the lines of standard
// input. Throws Error.
void embed(const EmbedOptions& options);

}  // namespace hearth
