#include "server/anthropic/anthropic_answer.h"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <utility>

#include "base/json_value.h"
#include "server/anthropic/anthropic_routes.h"

namespace hearth {
namespace {

namespace json = boost::json;

std::string event(const json::object& data) {
  return fmt::format("event: {}\ndata: {}\n\n", std::string_view(data.at("type").as_string()), serialized_json(data));
}

json::value stop_sequence(const GenerationEnd& end) {
  return end.stop_text.empty() ? json::value(nullptr) : json::value(end.stop_text);
}

json::object message(std::string_view id, std::string_view model) {
  json::object message;
  message["id"] = id;
  message["type"] = "message";
  message["role"] = "assistant";
  message["model"] = model;
  message["content"] = json::array();
  message["stop_reason"] = nullptr;
  message["stop_sequence"] = nullptr;
  return message;
}

json::object text_block(std::string_view text) {
  return {{"type", "text"}, {"text", text}};
}

}  // namespace

std::string_view anthropic_stop_reason(const GenerationEnd& end) {
  switch (end.reason) {
    case FinishReason::kLength:
      return "max_tokens";
    case FinishReason::kContext:
      return "model_context_window_exceeded";
    default:
      return end.stop_text.empty() ? "end_turn" : "stop_sequence";
  }
}

json::object anthropic_usage(const Usage& usage) {
  return {{"input_tokens", usage.prompt_tokens - usage.cached_tokens},
          {"cache_creation_input_tokens", 0},
          {"cache_read_input_tokens", usage.cached_tokens},
          {"output_tokens", usage.generated_tokens}};
}

std::string anthropic_message(std::string_view id, std::string_view model, std::string_view text,
                              const GenerationEnd& end) {
  json::object answer = message(id, model);
  answer["content"].as_array().push_back(text_block(text));
  answer["stop_reason"] = anthropic_stop_reason(end);
  answer["stop_sequence"] = stop_sequence(end);
  answer["usage"] = anthropic_usage(end.usage);
  return serialized_json(answer);
}

std::string anthropic_start_events(std::string_view id, std::string_view model, std::int64_t prompt_tokens) {
  json::object answer = message(id, model);
  answer["usage"] = anthropic_usage({.prompt_tokens = prompt_tokens});
  return event({{"type", "message_start"}, {"message", std::move(answer)}}) +
         event({{"type", "content_block_start"}, {"index", 0}, {"content_block", text_block("")}}) +
         anthropic_ping_event();
}

std::string anthropic_ping_event() {
  return event({{"type", "ping"}});
}

std::string anthropic_text_event(std::string_view text) {
  return event({{"type", "content_block_delta"}, {"index", 0}, {"delta", {{"type", "text_delta"}, {"text", text}}}});
}

std::string anthropic_end_events(const GenerationEnd& end) {
  json::object delta{{"stop_reason", anthropic_stop_reason(end)}, {"stop_sequence", stop_sequence(end)}};
  return event({{"type", "content_block_stop"}, {"index", 0}}) +
         event({{"type", "message_delta"}, {"delta", std::move(delta)}, {"usage", anthropic_usage(end.usage)}}) +
         event({{"type", "message_stop"}});
}

std::string anthropic_error_event(std::string_view body) {
  return fmt::format("event: error\ndata: {}\n\n", body);
}

std::string_view anthropic_error_type(unsigned status) {
  switch (status) {
    case 401:
      return "authentication_error";
    case 403:
      return "permission_error";
    case 404:
      return "not_found_error";
    case 413:
      return "request_too_large";
    case 429:
      return "rate_limit_error";
    case 408:
    case 504:
      return "timeout_error";
    case 503:
    case 529:
      return "overloaded_error";
    default:
      return status < 500 ? "invalid_request_error" : "api_error";
  }
}

std::string anthropic_error_body(const Router::Failure& failure) {
  json::object body;
  body["type"] = "error";
  body["error"] = {{"type", anthropic_error_type(failure.status)}, {"message", failure.message}};
  for (const auto& [name, value] : failure.headers) {
    if (name == "request-id") body["request_id"] = value;
  }
  return serialized_json(body);
}

}  // namespace hearth
