// Reads requests to /v1/completions, OpenAI's oldest endpoint: plain prompts, as texts or as tokens.
#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <limits>
#include <utility>

#include "server/generation_request.h"
#include "server/openai/openai_request.h"
#include "server/openai/openai_request_fields.h"
#include "server/structured_output.h"

namespace hearth {
namespace {

namespace json = boost::json;

constexpr std::string_view kFields[] = {"model", "prompt",     "suffix", "stream",   "stream_options", "n", "best_of",
                                        "stop",  "max_tokens", "echo",   "logprobs", "response_format"};
constexpr std::string_view kWithoutEffect[] = {"user"};
constexpr std::int64_t kDefaultTokenCount = 16;  // OpenAI's
constexpr int kLogprobsMax = 5;
constexpr std::size_t kAnswersMax = 1024;  // of all prompts together

void read_counts(const Fields& fields, CompletionRequest& request) {
  read_choice_count(fields, request);
  const auto best_of = fields.integer("best_of", 1, std::numeric_limits<std::int32_t>::max());
  if (best_of && *best_of != request.choice_count) {
    throw bad_request(fmt::format("'best_of' is {} and 'n' is {}: choosing among more answers than are sent is not "
                                  "supported",
                                  *best_of, request.choice_count),
                      "best_of");
  }
  const std::size_t answers = request.prompts.size() * static_cast<std::size_t>(request.choice_count);
  if (answers > kAnswersMax) {
    throw bad_request(fmt::format("{} prompts with {} answers each are {} answers; {} are possible",
                                  request.prompts.size(), request.choice_count, answers, kAnswersMax),
                      "prompt");
  }
}

}  // namespace

CompletionRequest parse_completion_request(const json::object& body, SamplerOptions defaults) {
  const Fields fields(body);
  refuse_unknown_fields(fields, {kFields, kWithoutEffect, structure_fields()});
  CompletionRequest request;
  read_common(fields, request, std::move(defaults));
  read_stream_options(fields, request);
  request.prompts = read_prompts(fields, "prompt");
  read_counts(fields, request);
  if (!fields.string("suffix").value_or("").empty()) {
    throw bad_request("'suffix' is not supported: the model continues a prompt and fills no gaps", "suffix",
                      "unsupported_parameter");
  }
  // 0: the prompt alone is wanted, with its log-probabilities.
  request.generation.token_count_max = read_token_limit(fields, "max_tokens", 0);
  const json::value* limit = fields.find("max_tokens");
  if (limit == nullptr) request.generation.token_count_max = kDefaultTokenCount;
  request.generation.stop = read_stop(fields, "stop");
  read_format(fields, "response_format", request.generation);
  request.echo = fields.boolean("echo").value_or(false);
  if (const auto count = fields.integer("logprobs", 0, kLogprobsMax)) {
    request.generation.logprob_count = static_cast<int>(*count);
    request.generation.logprobs_of_prompt = request.echo;
  }
  return request;
}

}  // namespace hearth
