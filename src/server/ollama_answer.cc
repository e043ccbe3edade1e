#include "server/ollama_answer.h"

#include <fmt/format.h>

#include <boost/json/serialize.hpp>
#include <ctime>
#include <utility>

#include "server/apis.h"
#include "text/utf8.h"

namespace hearth {
namespace {

namespace json = boost::json;
using TimePoint = EngineClock::time_point;

// 0 if one of the two was not reached.
std::int64_t nanoseconds_between(TimePoint from, TimePoint to) {
  if (from == TimePoint{} || to == TimePoint{}) return 0;
  return std::chrono::duration_cast<std::chrono::nanoseconds>(to - from).count();
}

std::string_view bytes_of(TokenId id, const Tokenizer& tokenizer) {
  if (id >= tokenizer.vocab_size()) return {};  // models have more rows than vocabularies have tokens
  return tokenizer.is_special(id) ? tokenizer.token_text(id) : tokenizer.token_bytes(id);
}

json::object token_logprob(TokenId id, float logprob, const Tokenizer& tokenizer) {
  const std::string_view bytes = bytes_of(id, tokenizer);
  json::array numbers;
  for (const char byte : bytes) numbers.push_back(static_cast<unsigned char>(byte));
  json::object object;
  object["token"] = repair_utf8(bytes);
  object["logprob"] = logprob;
  object["bytes"] = std::move(numbers);
  return object;
}

}  // namespace

std::string ollama_time(std::chrono::system_clock::time_point time) {
  const auto since_1970 = std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch());
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since_1970);
  const std::time_t whole = seconds.count();
  std::tm parts{};
  gmtime_r(&whole, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:09}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, (since_1970 - seconds).count());
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
  json::object entry = token_logprob(token.id, token.logprob.value_or(0), tokenizer);
  json::array top;
  for (const TokenLogprob& other : token.top_logprobs) {
    top.push_back(token_logprob(other.id, other.logprob, tokenizer));
  }
  if (!top.empty()) entry["top_logprobs"] = std::move(top);
  return entry;
}

std::string ollama_line(const json::object& object) {
  return json::serialize(object) + "\n";
}

std::string ollama_error_body(const Router::Failure& failure) {
  json::object body;
  body["error"] = failure.message;
  return json::serialize(body);
}

}  // namespace hearth
