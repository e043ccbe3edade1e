// `hearth run`: one prompt, its continuation streamed to standard output.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "commands/model_session.h"
#include "commands/sampling_flags.h"
#include "engine/drafter.h"
#include "grammar/grammar_source.h"

namespace hearth {

struct RunOptions {
  ModelOptions model;
  std::string prompt;
  bool raw = false;               // no chat template
  std::string system;             // a system message before the prompt; empty: none
  std::string chat_template;      // a file or a text in place of the model's own; empty: that
  std::int64_t token_count = -1;  // -1: until the model ends or the context is full
  std::int64_t step_tokens = 512;
  bool json = false;
  bool ignore_end = false;
  std::optional<GrammarSource> grammar;  // what the answer's text must be
  SamplingFlags sampling;
  Speculation speculation = kSpeculationDefault;
  bool ledger = false;
};

// Returns the exit status: 0, or 130 when interrupted. Throws Error.
int run(const RunOptions& options);

}  // namespace hearth
