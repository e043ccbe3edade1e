// The questions that `hearth eval` reads, and how their texts become tokens.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "engine/text_scorer.h"
#include "text/tokenizers/tokenizer.h"

namespace hearth {

struct Question {
  std::int64_t line = 0;  // in the file, from 1
  std::string context;
  std::vector<std::string> choices;  // two or more, none empty
  std::size_t gold = 0;              // the right one
};

// One on each line that is not blank. Throws InvalidInput, naming file and line.
std::vector<Question> read_questions(const std::filesystem::path& file);

// What is scored of a text: `scored.tokens` are all but its last token, and from `scored.scored_from` on the tokens
// that follow are the continuation's.
struct Continuation {
  ScoredText scored;
  std::vector<std::int32_t> tokens;  // the continuation's own
};

// As lm-evaluation-harness: white space (ASCII) at the context's end belongs to the continuation; the tokens of both
// together, behind as many as the context has by itself, are the continuation's. An empty context is the token that
// opens a text, or where there is none the one that ends it. Throws InvalidInput for a continuation without a token.
Continuation encode_continuation(const Tokenizer& tokenizer, std::string context, std::string continuation,
                                 bool add_special);

}  // namespace hearth
