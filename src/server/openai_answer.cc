// What both endpoints' answers consist of.
#include "server/openai_answer.h"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <cmath>
#include <utility>

#include "text/utf8.h"

namespace hearth {

namespace json = boost::json;

void UsageTotal::add(const Usage& usage, bool first_of_its_prompt) {
  total_.generated_tokens += usage.generated_tokens;
  if (!first_of_its_prompt) return;
  total_.prompt_tokens += usage.prompt_tokens;
  total_.cached_tokens += usage.cached_tokens;
}

json::object UsageTotal::json() const {
  return {{"prompt_tokens", total_.prompt_tokens},
          {"completion_tokens", total_.generated_tokens},
          {"total_tokens", total_.prompt_tokens + total_.generated_tokens},
          {"prompt_tokens_details", {{"cached_tokens", total_.cached_tokens}, {"audio_tokens", 0}}},
          {"completion_tokens_details",
           {{"reasoning_tokens", 0},
            {"audio_tokens", 0},
            {"accepted_prediction_tokens", 0},
            {"rejected_prediction_tokens", 0}}}};
}

json::object UsageTotal::responses_json() const {
  return {{"input_tokens", total_.prompt_tokens},
          {"input_tokens_details", {{"cached_tokens", total_.cached_tokens}}},
          {"output_tokens", total_.generated_tokens},
          {"output_tokens_details", {{"reasoning_tokens", 0}}},
          {"total_tokens", total_.prompt_tokens + total_.generated_tokens}};
}

std::string_view openai_finish_reason(FinishReason reason) {
  return reason == FinishReason::kStop ? "stop" : "length";
}

double finite_logprob(float logprob) {
  constexpr double kImpossible = -9999;  // as OpenAI's
  return std::isfinite(logprob) ? static_cast<double>(logprob) : kImpossible;
}

json::object token_logprobs(const GeneratedToken& token, const TokenSpelling& spelling) {
  const auto entry = [&](TokenId id, float logprob) {
    const std::string bytes = spelling(id);
    json::array numbers;
    for (const char byte : bytes) numbers.emplace_back(static_cast<unsigned char>(byte));
    return json::object{
        {"token", repair_utf8(bytes)}, {"logprob", finite_logprob(logprob)}, {"bytes", std::move(numbers)}};
  };
  json::object described = entry(token.id, token.logprob.value_or(0));
  json::array& likeliest = described["top_logprobs"].emplace_array();
  for (const TokenLogprob& top : token.top_logprobs) likeliest.push_back(entry(top.id, top.logprob));
  return described;
}

std::string sse_data(const json::value& data) {
  return "data: " + json::serialize(data) + "\n\n";
}

}  // namespace hearth
