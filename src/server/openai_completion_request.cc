// Reads requests to /v1/completions, OpenAI's oldest endpoint: plain prompts, as texts or as tokens.
#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <limits>
#include <utility>

#include "server/generation_request.h"
#include "server/openai_request.h"
#include "server/openai_request_fields.h"

namespace hearth {
namespace {

namespace json = boost::json;

constexpr std::string_view kFields[] = {"model",   "prompt", "suffix",     "stream", "stream_options", "n",
                                        "best_of", "stop",   "max_tokens", "echo",   "logprobs"};
constexpr std::string_view kWithoutEffect[] = {"user"};
constexpr std::int64_t kDefaultTokenCount = 16;  // OpenAI's
constexpr int kLogprobsMax = 5;
constexpr std::size_t kAnswersMax = 1024;  // of all prompts together

HttpError wrong_prompt(const std::string& path) {
  return bad_request(
      fmt::format("'{}' must be a text, an array of texts, an array of tokens or an array of such arrays", path), path);
}

std::vector<TokenId> tokens_of(const json::array& numbers, const std::string& path) {
  std::vector<TokenId> tokens;
  tokens.reserve(numbers.size());
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const std::int64_t* token = numbers[i].if_int64();
    if (token == nullptr || *token < 0 || *token > std::numeric_limits<TokenId>::max()) {
      const std::string element = fmt::format("{}[{}]", path, i);
      throw bad_request(fmt::format("'{}' must be a token's number", element), element);
    }
    tokens.push_back(static_cast<TokenId>(*token));
  }
  if (tokens.empty()) throw bad_request(fmt::format("'{}' is empty", path), path);
  return tokens;
}

void read_prompts(const Fields& fields, CompletionRequest& request) {
  const json::value* prompt = fields.find("prompt");
  if (prompt == nullptr) throw bad_request("'prompt' is missing", "prompt");
  if (prompt->is_string()) {
    request.prompts.emplace_back(std::string(prompt->get_string()));
    return;
  }
  if (!prompt->is_array()) throw wrong_prompt("prompt");
  const json::array& prompts = prompt->get_array();
  if (prompts.empty()) throw bad_request("'prompt' is empty", "prompt");
  if (prompts[0].is_number()) {
    request.prompts.emplace_back(tokens_of(prompts, "prompt"));
    return;
  }
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const std::string path = fmt::format("prompt[{}]", i);
    if (prompts[i].is_string()) {
      request.prompts.emplace_back(std::string(prompts[i].get_string()));
    } else if (prompts[i].is_array()) {
      request.prompts.emplace_back(tokens_of(prompts[i].get_array(), path));
    } else {
      throw wrong_prompt(path);
    }
  }
}

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
  refuse_unknown_fields(fields, {kFields, kWithoutEffect});
  CompletionRequest request;
  read_common(fields, request, std::move(defaults));
  read_stream_options(fields, request);
  read_prompts(fields, request);
  read_counts(fields, request);
  if (!fields.string("suffix").value_or("").empty()) {
    throw bad_request("'suffix' is not supported: the model continues a prompt and fills no gaps", "suffix",
                      "unsupported_parameter");
  }
  constexpr std::int64_t kAny = std::numeric_limits<std::int32_t>::max();
  request.generation.token_count_max = fields.integer("max_tokens", 1, kAny).value_or(kDefaultTokenCount);
  request.generation.stop = read_stop(fields, "stop");
  request.echo = fields.boolean("echo").value_or(false);
  if (const auto count = fields.integer("logprobs", 0, kLogprobsMax)) {
    if (request.echo) {
      throw bad_request("'logprobs' together with 'echo' is not supported: the prompt's tokens have none", "logprobs",
                        "unsupported_parameter");
    }
    request.generation.logprob_count = static_cast<int>(*count);
  }
  return request;
}

}  // namespace hearth
