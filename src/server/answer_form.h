// What an answer must look like beyond its text: where its thoughts begin and end and how long they may be, and the
// calls of tools that it may hold, in the model's own syntax.
#pragma once

#include <string_view>

#include "engine/request.h"
#include "grammar/call_grammar.h"
#include "server/answer_reader.h"

namespace hearth {

// The marks around what a model thinks; keeps the bound that is there.
void put_thinking_marks(const AnswerSyntax& syntax, bool is_open, ThinkingRequest& thinking);

// The calls that such an answer may hold. Its syntax and its tools are there.
CallGrammar call_grammar(const AnswerReading& reading);

// Into the request whose answer is read so. `may_think`: the prompt does not end behind thoughts. Throws HttpError 400
// for a strict tool whose schema cannot be enforced; what of others cannot is free.
void put_answer_form(const AnswerReading& reading, bool may_think, Request& generation);

// How many tokens of thought a degree stands for, with a model that knows no degrees; below 0: as many as it likes.
std::int64_t thinking_tokens_of(std::string_view effort);

}  // namespace hearth
