// `hearth eval`: questions with several answers, of which the model finds one the likeliest.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "commands/model_session.h"

namespace hearth {

struct EvalOptions {
  ModelOptions model;             // context 0: as long as the longest question takes
  std::filesystem::path file;     // a question on each line: {"context" or "query", "choices", "gold" or "answer"}
  std::string delimiter = " ";    // between the context and a choice
  bool no_special = false;        // no token that opens a text
  std::int64_t question_max = 0;  // of so many, the first; 0: all
  std::int64_t chunk = 0;         // tokens per step; 0: as ScorerShape
  std::filesystem::path out;      // a line of JSON for each question; empty: none
  bool json = false;
};

// Prints the shares of questions answered rightly. Returns the exit status. Throws Error, InvalidInput with the line
// for a question of another form.
int evaluate(const EvalOptions& options);

}  // namespace hearth
