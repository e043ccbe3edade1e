#include "server/openai/openai_responses_answer.h"

#include <boost/json/serialize.hpp>
#include <chrono>
#include <utility>

namespace hearth {
namespace {

namespace json = boost::json;
using Kind = AnswerPiece::Kind;

std::string_view status_of(const GenerationEnd& end) {
  return end.reason == FinishReason::kStop ? "completed" : "incomplete";
}

std::int64_t now_seconds() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::seconds>(now).count();
}

}  // namespace

ResponseFormat::ResponseFormat(AnswerHead head, TokenSpelling spelling, json::object echoed, bool is_text)
    : head_(std::move(head)), spelling_(std::move(spelling)), echoed_(std::move(echoed)), is_text_(is_text) {}

std::string ResponseFormat::opening() {
  std::string events = event("response.created", {{"response", response("in_progress")}});
  events += event("response.in_progress", {{"response", response("in_progress")}});
  if (is_text_) events += begin_item(Item::kMessage);
  return events;
}

std::string ResponseFormat::piece(const AnswerPiece& piece) {
  std::string events;
  switch (piece.kind) {
    case Kind::kReasoning:
      if (kind_ != Item::kReasoning) events = begin_item(Item::kReasoning);
      return events + delta(piece);
    case Kind::kContent:
      if (kind_ != Item::kMessage) events = begin_item(Item::kMessage);
      return events + delta(piece);
    case Kind::kCall:
      return begin_call(piece.call);
    case Kind::kArguments:
      return delta(piece);
    case Kind::kCallEnd:
      return end_item("completed");
    case Kind::kCallBroken:
      // What was told of the call stays, and nobody can take it for a whole one.
      events = end_item("incomplete");
      if (!piece.is_cut) events += this->piece({.kind = Kind::kContent, .text = piece.text});
      return events;
  }
  return events;
}

// Ends the one before.
std::string ResponseFormat::begin_item(Item kind) {
  std::string events = end_item("completed");
  kind_ = kind;
  text_.clear();
  logprobs_.clear();
  const std::string_view prefix = kind == Item::kMessage     ? "msg_"
                                  : kind == Item::kReasoning ? "rs_"
                                  : call_.tool.is_custom     ? "ctc_"
                                                             : "fc_";
  item_id_ = prefix;
  item_id_ += head_.id.substr(head_.id.find('_') + 1);
  if (!output_.empty()) item_id_ += "_" + std::to_string(output_.size());
  json::object begun = item("in_progress");
  if (kind == Item::kMessage) begun["content"] = json::array();
  if (kind == Item::kReasoning) begun["summary"] = json::array();
  events += event("response.output_item.added", {{"output_index", output_.size()}, {"item", std::move(begun)}});
  if (kind == Item::kMessage) {
    events += item_event("response.content_part.added", {{"content_index", 0}, {"part", output_text()}});
  } else if (kind == Item::kReasoning) {
    events += item_event("response.reasoning_summary_part.added",
                         {{"summary_index", 0}, {"part", {{"type", "summary_text"}, {"text", ""}}}});
  }
  return events;
}

std::string ResponseFormat::begin_call(const ToolCall& call) {
  std::string events = end_item("completed");
  call_ = call;
  return events + begin_item(Item::kCall);
}

// More of the item that is being written.
std::string ResponseFormat::delta(const AnswerPiece& piece) {
  text_ += piece.text;
  if (kind_ == Item::kMessage) return text_delta(piece);
  if (kind_ == Item::kReasoning) {
    return item_event("response.reasoning_summary_text.delta", {{"summary_index", 0}, {"delta", piece.text}});
  }
  return item_event(
      call_.tool.is_custom ? "response.custom_tool_call_input.delta" : "response.function_call_arguments.delta",
      {{"delta", piece.text}});
}

std::string ResponseFormat::text_delta(const AnswerPiece& piece) {
  json::array logprobs;
  for (const GeneratedToken& token : piece.tokens) logprobs.push_back(token_logprobs(token, spelling_));
  logprobs_.insert(logprobs_.end(), logprobs.begin(), logprobs.end());
  return item_event("response.output_text.delta",
                    {{"content_index", 0}, {"delta", piece.text}, {"logprobs", std::move(logprobs)}});
}

std::string ResponseFormat::end_item(std::string_view status) {
  if (kind_ == Item::kNone) return {};
  std::string events = end_events();
  events += event("response.output_item.done", {{"output_index", output_.size()}, {"item", item(status)}});
  output_.push_back(item(status));
  kind_ = Item::kNone;
  return events;
}

// What says that the parts of an item are complete. Each event has its number: one after the other.
std::string ResponseFormat::end_events() {
  std::string events;
  if (kind_ == Item::kMessage) {
    events = item_event("response.output_text.done", {{"content_index", 0}, {"text", text_}, {"logprobs", logprobs_}});
    events += item_event("response.content_part.done", {{"content_index", 0}, {"part", output_text()}});
  } else if (kind_ == Item::kReasoning) {
    events = item_event("response.reasoning_summary_text.done", {{"summary_index", 0}, {"text", text_}});
    events += item_event("response.reasoning_summary_part.done",
                         {{"summary_index", 0}, {"part", {{"type", "summary_text"}, {"text", text_}}}});
  } else if (call_.tool.is_custom) {
    events = item_event("response.custom_tool_call_input.done", {{"input", text_}});
  } else {
    events = item_event("response.function_call_arguments.done", {{"name", call_.tool.name}, {"arguments", text_}});
  }
  return events;
}

std::string ResponseFormat::closing(const GenerationEnd& end) {
  std::string events;
  if (kind_ == Item::kNone && output_.empty()) events = begin_item(Item::kMessage);  // an answer of no words
  events += end_item(status_of(end));
  const std::string type = "response." + std::string(status_of(end));
  events += event(type, {{"response", ended(end)}});
  return events;
}

std::string ResponseFormat::failure(const Router::Failure& failure) {
  const bool says_something = kind_ != Item::kNone && !text_.empty();
  json::object failed = response("failed");
  failed["error"] = {{"code", failure.code.empty() ? "server_error" : failure.code}, {"message", failure.message}};
  failed["output"] = output_;
  if (says_something) failed["output"].as_array().push_back(item("incomplete"));
  return event("response.failed", {{"response", std::move(failed)}});
}

std::string ResponseFormat::keepalive() {
  return event("keepalive", {});
}

void ResponseFormat::add_part(const AnswerPart& part) {
  if (part.kind != Kind::kCall) {
    piece({.kind = part.kind, .text = part.text, .tokens = part.tokens});
    return;
  }
  piece({.kind = Kind::kCall, .call = part.call});
  piece({.kind = Kind::kArguments, .text = part.text});
  piece({.kind = part.is_complete ? Kind::kCallEnd : Kind::kCallBroken, .is_cut = true});
}

json::object ResponseFormat::whole(const std::vector<AnswerPart>& parts, const GenerationEnd& end) {
  for (const AnswerPart& part : parts) add_part(part);
  closing(end);  // of which the events are not used
  return ended(end);
}

json::object ResponseFormat::ended(const GenerationEnd& end) const {
  json::object answer = response(status_of(end));
  if (end.reason == FinishReason::kStop) {
    answer["completed_at"] = now_seconds();
  } else {
    answer["incomplete_details"] = {{"reason", "max_output_tokens"}};
  }
  answer["output"] = output_;
  UsageTotal total;
  total.add(end.usage, true);
  answer["usage"] = total.responses_json();
  return answer;
}

json::object ResponseFormat::response(std::string_view status) const {
  json::object answer = {{"id", head_.id},
                         {"object", "response"},
                         {"created_at", head_.created},
                         {"completed_at", nullptr},
                         {"status", status},
                         {"background", false},
                         {"error", nullptr},
                         {"incomplete_details", nullptr},
                         {"max_tool_calls", nullptr},
                         {"model", head_.model},
                         {"output", json::array()},
                         {"parallel_tool_calls", true},
                         {"previous_response_id", nullptr},
                         {"reasoning", {{"effort", nullptr}, {"summary", nullptr}}},
                         {"service_tier", "default"},
                         {"store", false},
                         {"text", {{"format", {{"type", "text"}}}}},
                         {"tool_choice", "auto"},
                         {"tools", json::array()},
                         {"truncation", "disabled"},
                         {"usage", nullptr},
                         {"system_fingerprint", head_.fingerprint},
                         {"seed", head_.seed}};
  for (const auto& [name, value] : echoed_) answer.insert_or_assign(name, value);
  return answer;
}

// The one that is being written.
json::object ResponseFormat::item(std::string_view status) const {
  if (kind_ == Item::kCall) return call_item(status);
  if (kind_ == Item::kReasoning) {
    return {{"id", item_id_},
            {"type", "reasoning"},
            {"status", status},
            {"summary", json::array{json::object{{"type", "summary_text"}, {"text", text_}}}},
            {"encrypted_content", nullptr}};
  }
  json::object message = {{"id", item_id_}, {"type", "message"}, {"status", status}, {"role", "assistant"}};
  message["content"].emplace_array().push_back(output_text());
  return message;
}

json::object ResponseFormat::call_item(std::string_view status) const {
  const ClientTool& tool = call_.tool;
  json::object item{{"id", item_id_},      {"type", tool.is_custom ? "custom_tool_call" : "function_call"},
                    {"status", status},    {tool.is_custom ? "input" : "arguments", text_},
                    {"call_id", call_.id}, {"name", tool.name}};
  if (!tool.space.empty()) item["namespace"] = tool.space;
  return item;
}

json::object ResponseFormat::output_text() const {
  return {{"type", "output_text"}, {"text", text_}, {"annotations", json::array()}, {"logprobs", logprobs_}};
}

std::string ResponseFormat::item_event(std::string_view type, json::object fields) {
  json::object all = {{"item_id", item_id_}, {"output_index", output_.size()}};
  for (auto& [name, value] : fields) all.emplace(name, std::move(value));
  return event(type, std::move(all));
}

std::string ResponseFormat::event(std::string_view type, json::object fields) {
  json::object all = {{"type", type}, {"sequence_number", event_count_++}};
  for (auto& [name, value] : fields) all.emplace(name, std::move(value));
  return "event: " + std::string(type) + "\n" + sse_data(all);
}

}  // namespace hearth
