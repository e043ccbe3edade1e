// What Anthropic's Messages API is asked for, read from the JSON of POST /v1/messages and /v1/messages/count_tokens.
// Pure: no model, no sockets.
//
// Format: platform.claude.com/docs/en/api/messages. As there, fields that nobody knows are refused; those of
// generation_request.h, which are Hearth's own, are known here as well.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>

#include "engine/request.h"
#include "server/offered_tools.h"

namespace hearth {

// The code of the error for a conversation that the server should keep.
inline constexpr std::string_view kThreadUnsupported = "thread_unsupported_request";

// The conversation, as a chat template takes it.
struct AnthropicConversation {
  std::string model;
  // {"messages": [{"role", "content": a string, …}, …], "enable_thinking", "reasoning_effort", …}. The system prompt
  // comes first; turns of one role that follow each other are one message, and blocks of text are joined by line
  // breaks.
  boost::json::object context;
  OfferedTools tools;
  bool thinks = false;                    // thoughts are asked for
  std::int64_t thinking_tokens_max = -1;  // below 0: as many as the model likes
  std::string prefill;                    // the final assistant message: the answer goes on from here
};

struct AnthropicRequest {
  AnthropicConversation conversation;
  Request generation;  // all but its id and its prompt
  bool stream = false;
};

// `defaults`: what the request does not say. Both throw HttpError 400, naming the field.
AnthropicRequest parse_anthropic_request(const boost::json::object& body, SamplerOptions defaults);
AnthropicConversation parse_anthropic_count(const boost::json::object& body);

}  // namespace hearth
