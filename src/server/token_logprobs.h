// Tokens as the APIs show them, and their log-probabilities: OpenAI's objects, which Ollama has too.
#pragma once

#include <boost/json/object.hpp>
#include <functional>
#include <string>

#include "engine/request.h"
#include "text/tokenizers/tokenizer.h"

namespace hearth {

// The token's bytes, which may be a part of a character; a special one's spelling. Empty for a row that the vocabulary
// has no token for.
std::string spelling_of(const Tokenizer& tokenizer, TokenId id);

// As a function, so that answers can be made without a model.
using TokenSpelling = std::function<std::string(TokenId)>;

// {"token", "logprob", "bytes", "top_logprobs"}. A token that is a part of a character is spelt with U+FFFD; its bytes
// are exact.
boost::json::object token_logprobs(const GeneratedToken& token, const TokenSpelling& spelling);
// A number for JSON, which has no infinity.
double finite_logprob(float logprob);

}  // namespace hearth
