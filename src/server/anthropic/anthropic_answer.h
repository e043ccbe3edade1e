// What Anthropic's Messages API answers: the message as one JSON object, or as server-sent events. Pure.
//
// Format: platform.claude.com/docs/en/api/messages and …/docs/en/build-with-claude/streaming.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/request.h"

namespace hearth {

// "end_turn", "stop_sequence", "max_tokens", or "model_context_window_exceeded" where the context was full before that.
// For an end that is no failure.
std::string_view anthropic_stop_reason(const GenerationEnd& end);

// {"input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens"}. As Anthropic counts,
// input_tokens has only what was not read from the cache.
boost::json::object anthropic_usage(const Usage& usage);

// The answer to a request that does not stream. `text` is the whole text.
std::string anthropic_message(std::string_view id, std::string_view model, std::string_view text,
                              const GenerationEnd& end);

// The events of a stream, in their order; each is "event: …\ndata: …\n\n".
// message_start, content_block_start and a ping. All of the prompt is counted as not cached: what was read from the
// cache is known at the end, and told there.
std::string anthropic_start_events(std::string_view id, std::string_view model, std::int64_t prompt_tokens);
std::string anthropic_ping_event();
std::string anthropic_text_event(std::string_view text);
// content_block_stop, message_delta with the stop reason and the usage, and message_stop.
std::string anthropic_end_events(const GenerationEnd& end);
// Instead of those, where something goes wrong after the start: `body` is anthropic_error_body()'s.
std::string anthropic_error_event(std::string_view body);

// Anthropic's name for what an HTTP status says: "invalid_request_error", "overloaded_error", …
std::string_view anthropic_error_type(unsigned status);

}  // namespace hearth
