// Reads requests to /v1/chat/completions.
#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <iterator>
#include <limits>
#include <optional>
#include <utility>

#include "server/generation_request.h"
#include "server/openai/openai_request.h"
#include "server/openai/openai_request_fields.h"

namespace hearth {
namespace {

namespace json = boost::json;

constexpr std::string_view kFields[] = {"model",
                                        "messages",
                                        "stream",
                                        "stream_options",
                                        "n",
                                        "stop",
                                        "max_tokens",
                                        "max_completion_tokens",
                                        "logprobs",
                                        "top_logprobs",
                                        "response_format",
                                        "tools",
                                        "functions",
                                        "tool_choice",
                                        "function_call",
                                        "modalities",
                                        "audio",
                                        "web_search_options",
                                        "prediction",
                                        "reasoning_effort",
                                        "chat_template_kwargs"};
constexpr std::string_view kMessageFields[] = {"role",          "content", "name",  "tool_calls",        "tool_call_id",
                                               "function_call", "refusal", "audio", "reasoning_content", "annotations"};
constexpr std::string_view kTextParts[] = {"text", "refusal"};

// Roles as templates know them: "developer" is what OpenAI calls the system's author since 2024.
std::string_view template_role(const Fields& message) {
  const std::string_view role = message.required_string("role");
  if (role == "developer") return "system";
  if (role == "system" || role == "user" || role == "assistant" || role == "tool") return role;
  throw bad_request(
      fmt::format("'{}' must be one of system, developer, user, assistant and tool", message.path_of("role")),
      message.path_of("role"));
}

json::value content_of(const Fields& message, std::string_view role) {
  std::optional<json::value> content = template_content(message, kTextParts);
  if (content) return std::move(*content);
  if (role == "assistant") return "";  // one that only calls tools says nothing
  throw bad_request(fmt::format("'{}' is missing", message.path_of("content")), message.path_of("content"));
}

// Calls that the assistant made earlier. OpenAI writes their arguments as JSON in a string, templates expect an object.
json::array template_tool_calls(const Fields& message) {
  const json::array& calls = message.required_array("tool_calls");
  json::array rendered;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const Fields call = object_at(calls, i, message.path_of("tool_calls"));
    const std::optional<Fields> function = call.object("function");
    if (!function)
      throw bad_request(fmt::format("'{}' is missing", call.path_of("function")), call.path_of("function"));
    json::object as_template = {{"name", function->required_string("name")}};
    const std::string_view arguments = function->string("arguments").value_or("");
    boost::system::error_code error;
    json::value parsed = json::parse(arguments, error);
    as_template["arguments"] = !error && parsed.is_object() ? std::move(parsed) : json::value(arguments);
    rendered.push_back(
        {{"id", call.string("id").value_or("")}, {"type", "function"}, {"function", std::move(as_template)}});
  }
  return rendered;
}

json::object template_message(const Fields& message) {
  refuse_unknown_fields(message, {kMessageFields}, false);
  for (const std::string_view name : {"function_call", "audio"}) {
    if (message.find(name) == nullptr) continue;
    throw bad_request(fmt::format("'{}' is not supported", message.path_of(name)), message.path_of(name));
  }
  const std::string_view role = template_role(message);
  json::object rendered = {{"role", role}, {"content", content_of(message, role)}};
  for (const std::string_view name : {"name", "tool_call_id", "reasoning_content"}) {
    if (const auto text = message.string(name)) rendered[name] = *text;
  }
  if (message.find("tool_calls") != nullptr) rendered["tool_calls"] = template_tool_calls(message);
  return rendered;
}

json::array template_messages(const Fields& fields) {
  const json::array& messages = fields.required_array("messages");
  if (messages.empty()) throw bad_request("'messages' is empty: there must be at least one", "messages");
  json::array rendered;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    rendered.push_back(template_message(object_at(messages, i, "messages")));
  }
  return rendered;
}

void read_token_limit(const Fields& fields, Request& generation) {
  constexpr std::int64_t kAny = std::numeric_limits<std::int32_t>::max();
  const auto old_name = fields.integer("max_tokens", 1, kAny);
  const auto limit = fields.integer("max_completion_tokens", 1, kAny);
  if (old_name && limit && *old_name != *limit) {
    throw bad_request(
        fmt::format("'max_tokens' is {} and 'max_completion_tokens' is {}: give one of them", *old_name, *limit),
        "max_tokens");
  }
  generation.token_count_max = limit ? *limit : old_name.value_or(-1);
}

void read_logprobs(const Fields& fields, Request& generation) {
  const bool wanted = fields.boolean("logprobs").value_or(false);
  const auto count = fields.integer("top_logprobs", 0, kTopLogprobsMax);
  if (count && !wanted) throw bad_request("'top_logprobs' is only allowed when 'logprobs' is true", "top_logprobs");
  if (wanted) generation.logprob_count = static_cast<int>(count.value_or(0));
}

void refuse_what_is_not_text(const Fields& fields) {
  require_text_format(fields, "response_format");
  refuse_tools(fields);
  for (const std::string_view name : {"audio", "web_search_options", "prediction"}) {
    if (fields.find(name) == nullptr) continue;
    throw bad_request(fmt::format("'{}' is not supported", name), std::string(name), "unsupported_parameter");
  }
  const json::array* modalities = fields.array("modalities");
  if (modalities != nullptr && *modalities != json::array{"text"}) {
    throw bad_request("'modalities' must be [\"text\"]: the model answers with text alone", "modalities");
  }
}

}  // namespace

json::object parse_chat_context(const Fields& fields) {
  json::object context;
  // Some models' templates say how much to think; to the others the variable means nothing.
  if (const auto effort = fields.string("reasoning_effort")) context["reasoning_effort"] = *effort;
  read_template_variables(fields, context);
  context["messages"] = template_messages(fields);
  return context;
}

ChatRequest parse_chat_request(const json::object& body, SamplerOptions defaults) {
  const Fields fields(body);
  refuse_unknown_fields(fields, {kFields, openai_fields_without_effect()});
  ChatRequest request;
  read_common(fields, request, std::move(defaults));
  read_choice_count(fields, request);
  read_stream_options(fields, request);
  read_token_limit(fields, request.generation);
  read_logprobs(fields, request.generation);
  request.generation.stop = read_stop(fields, "stop");
  refuse_what_is_not_text(fields);
  request.context = parse_chat_context(fields);
  return request;
}

}  // namespace hearth
