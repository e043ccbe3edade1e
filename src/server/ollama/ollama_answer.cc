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

}  // namespace

std::string ollama_time(std::chrono::system_clock::time_point time) {
  return time_text(time, 9);
}

json::object ollama_piece(OllamaEndpoint endpoint, std::string_view model, std::string_view text,
                          std::chrono::system_clock::time_point time) {
  json::object piece;
  piece["model"] = model;
  piece["created_at"] = ollama_time(time);
  if (endpoint == OllamaEndpoint::kGenerate) {
    piece["response"] = text;
  } else {
    piece["message"] = {{"role", "assistant"}, {"content", text}};
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
  json::object answer = ollama_piece(endpoint, model, "", time);
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
