#include "server/anthropic/anthropic_answer.h"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <utility>

#include "base/json_value.h"
#include "server/anthropic/anthropic_request.h"
#include "server/anthropic/anthropic_routes.h"

namespace hearth {
namespace {

namespace json = boost::json;
using Kind = AnswerPiece::Kind;

std::string event(const json::object& data) {
  return fmt::format("event: {}\ndata: {}\n\n", std::string_view(data.at("type").as_string()), serialized_json(data));
}

json::value stop_sequence(const GenerationEnd& end) {
  return end.stop_text.empty() ? json::value(nullptr) : json::value(end.stop_text);
}

json::object message(const AnthropicHead& head) {
  json::object message;
  message["id"] = head.id;
  message["type"] = "message";
  message["role"] = "assistant";
  message["model"] = head.model;
  message["content"] = json::array();
  message["stop_reason"] = nullptr;
  message["stop_sequence"] = nullptr;
  return message;
}

json::object text_block(std::string_view text) {
  return {{"type", "text"}, {"text", text}};
}

// Clients send thoughts back only with a signature; this server needs none to believe them.
constexpr std::string_view kSignature = "aGVhcnRo";

json::object thinking_block(std::string_view text, std::string_view signature) {
  return {{"type", "thinking"}, {"thinking", text}, {"signature", signature}};
}

json::object call_block(const ToolCall& call, json::value input) {
  return {{"type", "tool_use"}, {"id", call.id}, {"name", call.tool.name}, {"input", std::move(input)}};
}

json::value parsed_arguments(const std::string& text) {
  constexpr std::size_t kDepthMax = 256;
  ParsedJson parsed = parse_json(text, kDepthMax, BigIntegers::kKeepDigits);
  return parsed.error || !parsed.value.is_object() ? json::object() : std::move(parsed.value);
}

}  // namespace

std::string_view anthropic_stop_reason(const GenerationEnd& end, bool has_called) {
  switch (end.reason) {
    case FinishReason::kLength:
      return "max_tokens";
    case FinishReason::kContext:
      return "model_context_window_exceeded";
    default:
      if (has_called) return "tool_use";
      return end.stop_text.empty() ? "end_turn" : "stop_sequence";
  }
}

json::object anthropic_usage(const Usage& usage) {
  json::object told{{"input_tokens", usage.prompt_tokens - usage.cached_tokens},
                    {"cache_creation_input_tokens", 0},
                    {"cache_read_input_tokens", usage.cached_tokens},
                    {"output_tokens", usage.generated_tokens}};
  if (usage.reasoning_tokens > 0) told["output_tokens_details"] = {{"thinking_tokens", usage.reasoning_tokens}};
  return told;
}

std::string anthropic_message(const AnthropicHead& head, const std::vector<AnswerPart>& parts,
                              const GenerationEnd& end) {
  json::object answer = message(head);
  json::array& blocks = answer["content"].as_array();
  for (const AnswerPart& part : parts) {
    if (part.kind == Kind::kCall) {
      blocks.push_back(call_block(part.call, parsed_arguments(part.text)));
    } else if (part.kind == Kind::kContent) {
      blocks.push_back(text_block(part.text));
    } else if (head.shows_thoughts) {
      blocks.push_back(thinking_block(part.text, kSignature));
    }
  }
  if (blocks.empty()) blocks.push_back(text_block(""));
  answer["stop_reason"] = anthropic_stop_reason(end, has_called(parts));
  answer["stop_sequence"] = stop_sequence(end);
  answer["usage"] = anthropic_usage(end.usage);
  return serialized_json(answer);
}

std::string AnthropicEvents::start(std::int64_t prompt_tokens) {
  json::object answer = message(head_);
  answer["usage"] = anthropic_usage({.prompt_tokens = prompt_tokens});
  std::string events = event({{"type", "message_start"}, {"message", std::move(answer)}});
  if (head_.is_text) events += begin_block(Kind::kContent, text_block(""));
  return events + anthropic_ping_event();
}

std::string AnthropicEvents::begin_block(Kind kind, json::object block) {
  std::string events = end_block();
  kind_ = kind;
  is_open_ = true;
  return events +
         event({{"type", "content_block_start"}, {"index", block_count_++}, {"content_block", std::move(block)}});
}

std::string AnthropicEvents::end_block() {
  if (!is_open_) return {};
  std::string events;
  if (kind_ == Kind::kReasoning) events = delta({{"type", "signature_delta"}, {"signature", kSignature}});
  is_open_ = false;
  return events + event({{"type", "content_block_stop"}, {"index", block_count_ - 1}});
}

std::string AnthropicEvents::delta(json::object delta) const {
  return event({{"type", "content_block_delta"}, {"index", block_count_ - 1}, {"delta", std::move(delta)}});
}

std::string AnthropicEvents::piece(const AnswerPiece& piece) {
  std::string events;
  switch (piece.kind) {
    case Kind::kReasoning:
    case Kind::kContent:
      return text_piece(piece);
    case Kind::kCall:
      return begin_block(Kind::kCall, call_block(piece.call, json::object()));
    case Kind::kArguments:
      return delta({{"type", "input_json_delta"}, {"partial_json", piece.text}});
    case Kind::kCallEnd:
      has_called_ = true;
      return end_block();
    case Kind::kCallBroken:
      // What was told of the call stays; without the stop reason of a call no client carries it out.
      events = end_block();
      return piece.is_cut ? events : events + text_piece({.kind = Kind::kContent, .text = piece.text});
  }
  return {};
}

std::string AnthropicEvents::text_piece(const AnswerPiece& piece) {
  const bool is_thought = piece.kind == Kind::kReasoning;
  if (piece.text.empty() || (is_thought && !head_.shows_thoughts)) return {};
  std::string events;
  if (!is_open_ || kind_ != piece.kind) {
    events = begin_block(piece.kind, is_thought ? thinking_block("", "") : text_block(""));
  }
  return events + delta(is_thought ? json::object{{"type", "thinking_delta"}, {"thinking", piece.text}}
                                   : json::object{{"type", "text_delta"}, {"text", piece.text}});
}

std::string AnthropicEvents::end(const GenerationEnd& end) {
  std::string events;
  if (block_count_ == 0) events = begin_block(Kind::kContent, text_block(""));  // clients expect some block
  events += end_block();
  json::object delta{{"stop_reason", anthropic_stop_reason(end, has_called_)}, {"stop_sequence", stop_sequence(end)}};
  return events +
         event({{"type", "message_delta"}, {"delta", std::move(delta)}, {"usage", anthropic_usage(end.usage)}}) +
         event({{"type", "message_stop"}});
}

std::string anthropic_ping_event() {
  return event({{"type", "ping"}});
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
  if (failure.code == kThreadUnsupported) {
    body["error"].as_object()["details"] = {{"error_code", failure.code}, {"unsupported", json::array{failure.param}}};
  }
  for (const auto& [name, value] : failure.headers) {
    if (name == "request-id") body["request_id"] = value;
  }
  return serialized_json(body);
}

}  // namespace hearth
