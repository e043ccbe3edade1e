// What Anthropic's Messages API answers: the message as one JSON object, or as server-sent events. Pure.
//
// Format: platform.claude.com/docs/en/api/messages and …/docs/en/build-with-claude/streaming.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/request.h"
#include "server/answer_reader.h"

namespace hearth {

// "end_turn", "stop_sequence", "tool_use", "max_tokens", or "model_context_window_exceeded" where the context was full
// before that. For an end that is no failure. `has_called`: the answer has a complete call.
std::string_view anthropic_stop_reason(const GenerationEnd& end, bool has_called);

// {"input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens"}, and where there were
// thoughts {"output_tokens_details": {"thinking_tokens"}}. As Anthropic counts, input_tokens has only what was not read
// from the cache.
boost::json::object anthropic_usage(const Usage& usage);

// What all of one answer says.
struct AnthropicHead {
  std::string id, model;
  bool shows_thoughts = false;  // who has not asked for thoughts gets none
  bool is_text = false;         // the answer is one text: the block that it stands in is there from the start
};

// The answer to a request that does not stream.
std::string anthropic_message(const AnthropicHead& head, const std::vector<AnswerPart>& parts,
                              const GenerationEnd& end);

// The events of a stream; each is "event: …\ndata: …\n\n".
class AnthropicEvents {
 public:
  explicit AnthropicEvents(AnthropicHead head) : head_(std::move(head)) {}

  // In this order: message_start and a ping; blocks; message_delta with the stop reason and the usage, and
  // message_stop. At the start all of the prompt is counted as not cached: what was read from the cache is known at the
  // end, and told there.
  std::string start(std::int64_t prompt_tokens);
  std::string piece(const AnswerPiece& piece);
  std::string end(const GenerationEnd& end);

 private:
  std::string begin_block(AnswerPiece::Kind kind, boost::json::object block);
  std::string end_block();
  std::string delta(boost::json::object delta) const;
  std::string text_piece(const AnswerPiece& piece);

  AnthropicHead head_;
  std::int64_t block_count_ = 0;  // begun
  bool is_open_ = false;          // the last one
  AnswerPiece::Kind kind_ = AnswerPiece::Kind::kContent;
  bool has_called_ = false;
};

std::string anthropic_ping_event();
// Instead of the end, where something goes wrong after the start: `body` is anthropic_error_body()'s.
std::string anthropic_error_event(std::string_view body);

// Anthropic's name for what an HTTP status says: "invalid_request_error", "overloaded_error", …
std::string_view anthropic_error_type(unsigned status);

}  // namespace hearth
