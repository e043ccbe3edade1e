#include "server/ollama/ollama_answer.h"

#include <fmt/format.h>

#include <utility>

#include "base/json_value.h"
#include "server/ollama/ollama_routes.h"
#include "server/telemetry/time_text.h"
#include "server/token_logprobs.h"

namespace hearth {
namespace {

namespace json = boost::json;
using TimePoint = EngineClock::time_point;

// 0 if one of the two was not reached.
std::int64_t nanoseconds_between(TimePoint from, TimePoint to) {
  if (!reached(from) || !reached(to)) return 0;
  return std::chrono::duration_cast<std::chrono::nanoseconds>(to - from).count();
}

// Arguments are an object here, never text.
json::array calls_of(const std::vector<AnswerPart>& parts) {
  constexpr std::size_t kDepthMax = 256;
  json::array calls;
  for (const AnswerPart& part : parts) {
    if (part.kind != AnswerPiece::Kind::kCall) continue;
    ParsedJson arguments = parse_json(part.text, kDepthMax, BigIntegers::kKeepDigits);
    const bool is_object = !arguments.error && arguments.value.is_object();
    calls.push_back({{"id", part.call.id},
                     {"function",
                      {{"name", part.call.tool.name},
                       {"arguments", is_object ? std::move(arguments.value) : json::value(json::object())}}}});
  }
  return calls;
}

}  // namespace

std::string ollama_time(std::chrono::system_clock::time_point time) {
  return time_text(time, 9);
}

json::object ollama_piece(OllamaEndpoint endpoint, std::string_view model, const std::vector<AnswerPart>& parts,
                          std::chrono::system_clock::time_point time) {
  const std::string text = text_of(parts, AnswerPiece::Kind::kContent);
  const std::string thought = text_of(parts, AnswerPiece::Kind::kReasoning);
  json::object piece;
  piece["model"] = model;
  piece["created_at"] = ollama_time(time);
  if (endpoint == OllamaEndpoint::kGenerate) {
    piece["response"] = text;
    if (!thought.empty()) piece["thinking"] = thought;
  } else {
    json::object& message = piece["message"].emplace_object();
    message = {{"role", "assistant"}, {"content", text}};
    if (!thought.empty()) message["thinking"] = thought;
    json::array calls = calls_of(parts);
    if (!calls.empty()) message["tool_calls"] = std::move(calls);
  }
  piece["done"] = false;
  return piece;
}

void finish_ollama_answer(json::object& piece, const GenerationEnd& end) {
  const Timeline& timeline = end.timeline;
  piece["done"] = true;
  piece["done_reason"] = end.reason == FinishReason::kStop ? "stop" : "length";
  piece["total_duration"] = nanoseconds_between(timeline.submitted, timeline.finished);
  piece["load_duration"] = 0;
  piece["prompt_eval_count"] = end.usage.prompt_tokens;
  piece["prompt_eval_duration"] = nanoseconds_between(timeline.admitted, timeline.first_token);
  piece["eval_count"] = end.usage.generated_tokens;
  piece["eval_duration"] = nanoseconds_between(timeline.first_token, timeline.finished);
}

json::object ollama_loaded(OllamaEndpoint endpoint, std::string_view model,
                           std::chrono::system_clock::time_point time) {
  json::object answer = ollama_piece(endpoint, model, {}, time);
  answer["done"] = true;
  answer["done_reason"] = "load";
  return answer;
}

json::object ollama_logprob(const GeneratedToken& token, const Tokenizer& tokenizer) {
  json::object entry = token_logprobs(token, [&](TokenId id) { return spelling_of(tokenizer, id); });
  if (token.top_logprobs.empty()) entry.erase("top_logprobs");
  return entry;
}

std::string ollama_line(const json::object& object) {
  return serialized_json(object) + "\n";
}

std::string ollama_error_body(const Router::Failure& failure) {
  json::object body;
  body["error"] = failure.message;
  return serialized_json(body);
}

}  // namespace hearth
