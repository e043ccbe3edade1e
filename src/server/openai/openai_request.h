// What a request to OpenAI's endpoints asks for, read and checked: plain values, made without a model.
//
// The API: platform.openai.com/docs/api-reference (chat, completions, responses). What has no effect here, and what is
// refused, stands in docs/openai-api.md.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "engine/request.h"
#include "sampling/sampler_options.h"
#include "server/fields.h"
#include "server/offered_tools.h"

namespace hearth {

// Every parser takes the sampling options that hold where the request says nothing, and throws HttpError 400.

struct OpenAiRequest {
  Request generation;  // without id, prompt and choice index
  int choice_count = 1;
  bool stream = false;
  bool include_usage = false;     // in a streamed answer, at its end
  bool continuous_usage = false;  // and in every piece of it
};

// /v1/chat/completions.
struct ChatRequest : OpenAiRequest {
  boost::json::object context;           // for the model's template, without the tools
  bool continues_final_message = false;  // the answer goes on from the last message's text
  OfferedTools tools;
  bool has_old_functions = false;  // they came as `functions`, and are called as such
};
ChatRequest parse_chat_request(const boost::json::object& body, SamplerOptions defaults);
// Of such a request, what its template sees: the messages, and the variables that it sets.
boost::json::object parse_chat_context(const Fields& fields);

// A prompt as a text, or as tokens.
using PromptText = std::variant<std::string, std::vector<TokenId>>;

// /v1/completions.
struct CompletionRequest : OpenAiRequest {
  std::vector<PromptText> prompts;  // not empty
  bool echo = false;
};
CompletionRequest parse_completion_request(const boost::json::object& body, SamplerOptions defaults);

// /v1/responses.
struct ResponsesRequest : OpenAiRequest {
  boost::json::object context;  // for the model's template, without the tools
  boost::json::object echoed;   // what the answer repeats of the request
  OfferedTools tools;
};
ResponsesRequest parse_responses_request(const boost::json::object& body, SamplerOptions defaults);

}  // namespace hearth
