// Answers of /v1/responses, whole and as the events of a streamed one. Pure functions of what was generated.
//
// The API: platform.openai.com/docs/api-reference/responses and …/responses-streaming.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/request.h"
#include "server/answer_reader.h"
#include "server/http/exchange.h"
#include "server/openai/openai_answer.h"

namespace hearth {

class ResponseFormat {
 public:
  // `head.id` begins with "resp_". `echoed`: what the answer repeats of the request. `is_text`: the answer is one text,
  // and nothing else; the item that it stands in is there from the start.
  ResponseFormat(AnswerHead head, TokenSpelling spelling, boost::json::object echoed, bool is_text);

  // In this order: the events that open the answer; pieces; one that ends it. Each is the text of the events.
  std::string opening();
  std::string piece(const AnswerPiece& piece);
  std::string closing(const GenerationEnd& end);  // completed or incomplete
  std::string failure(const Router::Failure& failure);
  std::string keepalive();  // an event that says nothing: some clients count events alone as signs of life

  // Or: the answer as one object.
  boost::json::object whole(const std::vector<AnswerPart>& parts, const GenerationEnd& end);
  // The same of a streamed answer, after closing().
  boost::json::object ended(const GenerationEnd& end) const;

 private:
  enum class Item : std::uint8_t { kNone, kMessage, kReasoning, kCall };

  boost::json::object response(std::string_view status) const;
  boost::json::object item(std::string_view status) const;
  boost::json::object call_item(std::string_view status) const;
  boost::json::object output_text() const;
  std::string begin_item(Item kind);
  std::string begin_call(const ToolCall& call);
  std::string end_item(std::string_view status);
  std::string end_events();
  std::string delta(const AnswerPiece& piece);
  std::string text_delta(const AnswerPiece& piece);
  void add_part(const AnswerPart& part);
  // The event with what is common to all: type and sequence number; and with what is common to those about an item.
  std::string event(std::string_view type, boost::json::object fields);
  std::string item_event(std::string_view type, boost::json::object fields);

  AnswerHead head_;
  TokenSpelling spelling_;
  boost::json::object echoed_;
  bool is_text_;
  boost::json::array output_;  // items that are complete
  // The item that is being written.
  Item kind_ = Item::kNone;
  std::string item_id_;
  ToolCall call_;
  std::string text_;             // of it so far: text, thoughts, or a call's arguments
  boost::json::array logprobs_;  // of the text
  std::int64_t event_count_ = 0;
};

}  // namespace hearth
