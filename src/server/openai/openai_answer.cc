// What both endpoints' answers consist of.
#include "server/openai/openai_answer.h"

#include <boost/json/array.hpp>
#include <utility>

#include "base/json_value.h"

namespace hearth {

namespace json = boost::json;

void UsageTotal::add(const Usage& usage, bool first_of_its_prompt) {
  total_.generated_tokens += usage.generated_tokens;
  total_.reasoning_tokens += usage.reasoning_tokens;
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
           {{"reasoning_tokens", total_.reasoning_tokens},
            {"audio_tokens", 0},
            {"accepted_prediction_tokens", 0},
            {"rejected_prediction_tokens", 0}}}};
}

json::object UsageTotal::responses_json() const {
  return {{"input_tokens", total_.prompt_tokens},
          {"input_tokens_details", {{"cached_tokens", total_.cached_tokens}}},
          {"output_tokens", total_.generated_tokens},
          {"output_tokens_details", {{"reasoning_tokens", total_.reasoning_tokens}}},
          {"total_tokens", total_.prompt_tokens + total_.generated_tokens}};
}

std::vector<GeneratedToken> FinishedChoice::tokens() const {
  std::vector<GeneratedToken> tokens;
  for (const AnswerPart& part : parts) tokens.insert(tokens.end(), part.tokens.begin(), part.tokens.end());
  return tokens;
}

std::string_view openai_finish_reason(FinishReason reason) {
  return reason == FinishReason::kStop ? "stop" : "length";
}

std::string sse_data(const json::value& data) {
  return "data: " + serialized_json(data) + "\n\n";
}

}  // namespace hearth
