#include "server/openai/openai_responses_answer.h"

#include <boost/json/serialize.hpp>
#include <chrono>
#include <utility>

namespace hearth {
namespace {

namespace json = boost::json;

std::string_view status_of(const GenerationEnd& end) {
  return end.reason == FinishReason::kStop ? "completed" : "incomplete";
}

std::int64_t now_seconds() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::seconds>(now).count();
}

}  // namespace

ResponseFormat::ResponseFormat(AnswerHead head, TokenSpelling spelling, json::object echoed)
    : head_(std::move(head)),
      spelling_(std::move(spelling)),
      echoed_(std::move(echoed)),
      message_id_("msg_" + head_.id.substr(head_.id.find('_') + 1)) {}

std::string ResponseFormat::opening() {
  std::string events = event("response.created", {{"response", response("in_progress")}});
  events += event("response.in_progress", {{"response", response("in_progress")}});
  json::object item = output_message("in_progress");
  item["content"] = json::array();
  events += event("response.output_item.added", {{"output_index", 0}, {"item", std::move(item)}});
  events += event("response.content_part.added",
                  {{"item_id", message_id_}, {"output_index", 0}, {"content_index", 0}, {"part", output_text()}});
  return events;
}

std::string ResponseFormat::piece(std::string_view text) {
  return text.empty() ? std::string() : delta(text, {});
}

std::string ResponseFormat::token_piece(const GeneratedToken& token) {
  json::array logprobs;
  logprobs.push_back(token_logprobs(token, spelling_));
  return delta(token.text, std::move(logprobs));
}

std::string ResponseFormat::delta(std::string_view text, json::array logprobs) {
  text_ += text;
  logprobs_.insert(logprobs_.end(), logprobs.begin(), logprobs.end());
  return event("response.output_text.delta", {{"item_id", message_id_},
                                              {"output_index", 0},
                                              {"content_index", 0},
                                              {"delta", text},
                                              {"logprobs", std::move(logprobs)}});
}

std::string ResponseFormat::closing(const GenerationEnd& end) {
  std::string events = event(
      "response.output_text.done",
      {{"item_id", message_id_}, {"output_index", 0}, {"content_index", 0}, {"text", text_}, {"logprobs", logprobs_}});
  events += event("response.content_part.done",
                  {{"item_id", message_id_}, {"output_index", 0}, {"content_index", 0}, {"part", output_text()}});
  events += event("response.output_item.done", {{"output_index", 0}, {"item", output_message(status_of(end))}});
  const std::string type = "response." + std::string(status_of(end));
  events += event(type, {{"response", whole(end)}});
  return events;
}

std::string ResponseFormat::failure(const Router::Failure& failure) {
  json::object failed = response("failed");
  failed["error"] = {{"code", failure.code.empty() ? "server_error" : failure.code}, {"message", failure.message}};
  if (!text_.empty()) failed["output"] = json::array{output_message("incomplete")};
  return event("response.failed", {{"response", std::move(failed)}});
}

std::string ResponseFormat::keepalive() {
  return event("keepalive", {});
}

json::object ResponseFormat::whole(const GenerationEnd& end) const {
  json::object answer = response(status_of(end));
  if (end.reason == FinishReason::kStop) {
    answer["completed_at"] = now_seconds();
  } else {
    answer["incomplete_details"] = {{"reason", "max_output_tokens"}};
  }
  answer["output"].emplace_array().push_back(output_message(status_of(end)));
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

json::object ResponseFormat::output_message(std::string_view status) const {
  json::object message = {{"id", message_id_}, {"type", "message"}, {"status", status}, {"role", "assistant"}};
  message["content"].emplace_array().push_back(output_text());
  return message;
}

json::object ResponseFormat::output_text() const {
  return {{"type", "output_text"}, {"text", text_}, {"annotations", json::array()}, {"logprobs", logprobs_}};
}

std::string ResponseFormat::event(std::string_view type, json::object fields) {
  json::object all = {{"type", type}, {"sequence_number", event_count_++}};
  for (auto& [name, value] : fields) all.emplace(name, std::move(value));
  return "event: " + std::string(type) + "\n" + sse_data(all);
}

}  // namespace hearth
