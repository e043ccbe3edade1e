// Answers of /v1/responses, whole and as the events of a streamed one. Pure functions of what was generated.
//
// The API: platform.openai.com/docs/api-reference/responses and …/responses-streaming.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/request.h"
#include "server/http/exchange.h"
#include "server/openai/openai_answer.h"

namespace hearth {

class ResponseFormat {
 public:
  // `head.id` begins with "resp_". `echoed`: what the answer repeats of the request.
  ResponseFormat(AnswerHead head, TokenSpelling spelling, boost::json::object echoed);

  // In this order: the events that open the answer; pieces; one that ends it. Each is the text of the events.
  std::string opening();
  std::string piece(std::string_view text);              // "" for no text
  std::string token_piece(const GeneratedToken& token);  // with its log-probabilities
  std::string closing(const GenerationEnd& end);         // completed or incomplete
  std::string failure(const Router::Failure& failure);
  std::string keepalive();  // an event that says nothing: some clients count events alone as signs of life

  // Or: what piece() or token_piece() were told, as one object; their events are not used.
  boost::json::object whole(const GenerationEnd& end) const;

 private:
  boost::json::object response(std::string_view status) const;
  boost::json::object output_message(std::string_view status) const;
  boost::json::object output_text() const;
  std::string delta(std::string_view text, boost::json::array logprobs);
  // The event with what is common to all: type and sequence number.
  std::string event(std::string_view type, boost::json::object fields);

  AnswerHead head_;
  TokenSpelling spelling_;
  boost::json::object echoed_;
  std::string message_id_;
  std::string text_;             // so far
  boost::json::array logprobs_;  // so far
  std::int64_t event_count_ = 0;
};

}  // namespace hearth
