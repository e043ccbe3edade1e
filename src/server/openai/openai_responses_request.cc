// Reads requests to /v1/responses: a text or a list of messages, and nothing that the server would have to remember.
#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "server/generation_request.h"
#include "server/http/json_reply.h"
#include "server/openai/openai_request.h"
#include "server/openai/openai_request_fields.h"

namespace hearth {
namespace {

namespace json = boost::json;

constexpr std::string_view kFields[] = {"model",
                                        "input",
                                        "instructions",
                                        "stream",
                                        "stream_options",
                                        "max_output_tokens",
                                        "text",
                                        "tools",
                                        "tool_choice",
                                        "max_tool_calls",
                                        "previous_response_id",
                                        "conversation",
                                        "prompt",
                                        "background",
                                        "truncation",
                                        "include",
                                        "reasoning",
                                        "top_logprobs",
                                        "chat_template_kwargs"};
constexpr std::string_view kItemFields[] = {"type", "role", "content", "id", "status", "phase"};
constexpr std::string_view kTextParts[] = {"input_text", "output_text", "text", "refusal"};

HttpError not_supported(const std::string& path, std::string_view why) {
  return bad_request(fmt::format("'{}' is not supported: {}", path, why), path, "unsupported_parameter");
}

std::string_view template_role(const Fields& item) {
  const std::string_view role = item.required_string("role");
  if (role == "developer") return "system";
  if (role == "system" || role == "user" || role == "assistant") return role;
  throw bad_request(fmt::format("'{}' must be one of system, developer, user and assistant", item.path_of("role")),
                    item.path_of("role"));
}

json::object template_message(const Fields& item) {
  if (item.string("type").value_or("message") != "message") {
    throw not_supported(item.path_of("type"), "the input's items must be messages");
  }
  refuse_unknown_fields(item, {kItemFields}, false);
  const std::string_view role = template_role(item);
  const std::optional<json::value> content = template_content(item, kTextParts);
  if (!content) throw bad_request(fmt::format("'{}' is missing", item.path_of("content")), item.path_of("content"));
  return {{"role", role}, {"content", *content}};
}

json::array template_messages(const Fields& fields) {
  json::array messages;
  if (const auto instructions = fields.string("instructions")) {
    messages.push_back({{"role", "system"}, {"content", *instructions}});
  }
  const json::value* input = fields.find("input");
  if (input == nullptr) throw bad_request("'input' is missing", "input");
  if (input->is_string()) {
    messages.push_back({{"role", "user"}, {"content", input->get_string()}});
    return messages;
  }
  if (!input->is_array()) throw bad_request("'input' must be a string or an array of messages", "input");
  if (input->get_array().empty()) throw bad_request("'input' is empty: there must be at least one message", "input");
  for (std::size_t i = 0; i < input->get_array().size(); ++i) {
    messages.push_back(template_message(object_at(input->get_array(), i, "input")));
  }
  return messages;
}

void refuse_what_needs_memory(const Fields& fields) {
  for (const std::string_view name : {"previous_response_id", "conversation"}) {
    if (fields.find(name) == nullptr) continue;
    throw not_supported(std::string(name), "this server keeps no responses; send the whole conversation as 'input'");
  }
  if (fields.find("prompt") != nullptr) throw not_supported("prompt", "this server keeps no prompts");
  if (fields.boolean("background").value_or(false)) {
    throw not_supported("background", "this server keeps no responses that could be asked for later");
  }
  const auto truncation = fields.string("truncation");
  if (truncation && *truncation != "disabled") {
    throw not_supported("truncation", "nothing is dropped from a conversation; \"disabled\" is the only value");
  }
}

// `text` and `reasoning`: how the answer looks, and how much is thought before it.
void read_style(const Fields& fields, ResponsesRequest& request) {
  constexpr std::string_view kTextFields[] = {"format", "verbosity"};
  constexpr std::string_view kReasoningFields[] = {"effort", "summary", "generate_summary"};
  if (const auto text = fields.object("text")) {
    refuse_unknown_fields(*text, {kTextFields}, false);
    require_text_format(*text, "format");
    if (text->string("verbosity").value_or("medium") != "medium") {
      throw not_supported("text.verbosity", "the model knows no degrees of it");
    }
  }
  if (const auto reasoning = fields.object("reasoning")) {
    refuse_unknown_fields(*reasoning, {kReasoningFields}, false);
    if (const auto effort = reasoning->string("effort")) request.context["reasoning_effort"] = *effort;
  }
}

void read_logprobs(const Fields& fields, ResponsesRequest& request) {
  bool wanted = false;
  if (const json::array* include = fields.array("include")) {
    for (const json::value& name : *include) {
      if (!name.is_string()) throw bad_request("'include' must be an array of strings", "include");
      wanted = wanted || name.get_string() == "message.output_text.logprobs";
      // The others are about what this answer never has.
    }
  }
  const auto count = fields.integer("top_logprobs", 0, kTopLogprobsMax);
  if (count.value_or(0) > 0 && !wanted) {
    throw bad_request("'top_logprobs' needs \"message.output_text.logprobs\" in 'include'", "top_logprobs");
  }
  if (wanted) request.generation.logprob_count = static_cast<int>(count.value_or(0));
}

// The fields of the answer that repeat the request's.
json::object echoed(const Fields& fields, const Request& generation) {
  const auto as_sent = [&](std::string_view name) {
    const json::value* value = fields.find(name);
    return value == nullptr ? json::value() : *value;
  };
  const json::value metadata = as_sent("metadata");
  return {{"instructions", as_sent("instructions")},
          {"max_output_tokens", as_sent("max_output_tokens")},
          {"metadata", metadata.is_null() ? json::object() : metadata},
          {"safety_identifier", as_sent("safety_identifier")},
          {"prompt_cache_key", as_sent("prompt_cache_key")},
          {"temperature", as_written(generation.sampling.temperature)},
          {"top_p", as_written(generation.sampling.top_p)},
          {"top_logprobs", generation.logprob_count.value_or(0)},
          {"user", as_sent("user")}};
}

}  // namespace

ResponsesRequest parse_responses_request(const json::object& body, SamplerOptions defaults) {
  const Fields fields(body);
  refuse_unknown_fields(fields, {kFields, openai_fields_without_effect()});
  ResponsesRequest request;
  read_common(fields, request, std::move(defaults));
  read_stream_options(fields, request);
  refuse_what_needs_memory(fields);
  refuse_tools(fields);
  constexpr std::int64_t kAny = std::numeric_limits<std::int32_t>::max();
  fields.integer("max_tool_calls", 1, kAny);
  request.generation.token_count_max = fields.integer("max_output_tokens", 1, kAny).value_or(-1);
  read_logprobs(fields, request);
  read_style(fields, request);
  read_template_variables(fields, request.context);
  request.context["messages"] = template_messages(fields);
  request.echoed = echoed(fields, request.generation);
  return request;
}

}  // namespace hearth
