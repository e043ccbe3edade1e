// `hearth chat`: a conversation on the command line, typed or through a pipe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "commands/model_session.h"
#include "commands/sampling_flags.h"
#include "engine/drafter.h"

namespace hearth {

struct ChatOptions {
  ModelOptions model;
  std::string system;                 // a system message; empty: none
  std::optional<std::string> prompt;  // a first message
  std::int64_t token_count = -1;      // of an answer; -1: until the model ends
  bool keep_history = true;           // of what is typed, in a file
  std::string tools;                  // a file of tools that the model may call; empty: none
  std::string chat_template;          // a file or a text in place of the model's own; empty: that
  SamplingFlags sampling;
  Speculation speculation = kSpeculationDefault;
};

// Answers go to standard output, all else but what a command lists to standard error. Returns the exit status: 0; where
// input is no terminal, 1 if a line of it failed; 130 when interrupted. Throws Error.
int chat(const ChatOptions& options);

}  // namespace hearth
