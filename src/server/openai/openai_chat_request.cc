// Reads requests to /v1/chat/completions.
#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <optional>
#include <utility>

#include "server/conversation_prompt.h"
#include "server/generation_request.h"
#include "server/openai/openai_request.h"
#include "server/openai/openai_request_fields.h"
#include "server/openai/openai_tools.h"
#include "server/structured_output.h"
#include "server/template_messages.h"
#include "text/templates/conversation.h"

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
                                        "parallel_tool_calls",
                                        "modalities",
                                        "audio",
                                        "prediction",
                                        "reasoning_effort",
                                        "reasoning",
                                        "thinking",
                                        "enable_thinking",
                                        "verbosity",
                                        "add_generation_prompt",
                                        "continue_final_message",
                                        "chat_template_kwargs"};
constexpr std::string_view kTextParts[] = {"text", "refusal"};

// Roles as templates know them: "developer" is what OpenAI calls the system's author since 2024.
std::string_view template_role(const Fields& message) {
  const std::string_view role = message.required_string("role");
  if (role == "developer") return "system";
  if (role == "function") return "tool";  // of 2023
  if (role == "system" || role == "user" || role == "assistant" || role == "tool") return role;
  throw bad_request(
      fmt::format("'{}' must be one of system, developer, user, assistant and tool", message.path_of("role")),
      message.path_of("role"));
}

json::value content_of(const Fields& message, std::string_view role) {
  const json::value* given = message.find("content");
  if (role == "tool" && given != nullptr && is_plain_data(*given)) return json::string(data_text(*given));
  std::optional<json::value> content = template_content(message, kTextParts);
  if (content) return std::move(*content);
  if (role == "assistant" || role == "tool") return "";  // a call or its result alone
  throw bad_request(fmt::format("'{}' is missing", message.path_of("content")), message.path_of("content"));
}

json::object called_function(const Fields& function) {
  return template_call({}, function.required_string("name"), call_arguments(function.string("arguments").value_or("")));
}

// Calls that the assistant made earlier.
json::array template_tool_calls(const Fields& message, const json::array& calls) {
  json::array rendered;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const Fields call = object_at(calls, i, message.path_of("tool_calls"));
    const std::string_view id = call.string("id").value_or("");
    if (const auto custom = call.object("custom")) {
      rendered.push_back(
          template_call(id, custom->required_string("name"), custom_arguments(custom->string("input").value_or(""))));
      continue;
    }
    const std::optional<Fields> function = call.object("function");
    if (!function) {
      throw bad_request(fmt::format("'{}' is missing", call.path_of("function")), call.path_of("function"));
    }
    rendered.push_back(template_call(id, function->required_string("name"),
                                     call_arguments(function->string("arguments").value_or(""))));
  }
  return rendered;
}

// What else stands in a message is data that clients keep of other servers' answers: it says nothing to this model.
json::object template_message(const Fields& message) {
  if (message.find("audio") != nullptr) {
    throw bad_request(fmt::format("'{}' is not supported", message.path_of("audio")), message.path_of("audio"));
  }
  const std::string_view role = template_role(message);
  json::object rendered = {{"role", role}, {"content", content_of(message, role)}};
  for (const std::string_view name : {"name", "tool_call_id"}) {
    if (const auto text = message.string(name)) rendered[name] = *text;
  }
  // Servers do not agree on the name of what was thought.
  for (const std::string_view name : {"reasoning", "reasoning_content"}) {
    const json::value* thought = message.find(name);
    if (thought != nullptr && thought->is_string()) rendered["reasoning_content"] = *thought;
  }
  const json::array* calls = message.array("tool_calls");
  if (calls != nullptr && !calls->empty()) rendered["tool_calls"] = template_tool_calls(message, *calls);
  if (const auto call = message.object("function_call")) rendered["tool_calls"] = json::array{called_function(*call)};
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

void read_token_limits(const Fields& fields, Request& generation) {
  const std::int64_t old_name = read_token_limit(fields, "max_tokens");
  const std::int64_t limit = read_token_limit(fields, "max_completion_tokens");
  if (old_name > 0 && limit > 0 && old_name != limit) {
    throw bad_request(
        fmt::format("'max_tokens' is {} and 'max_completion_tokens' is {}: give one of them", old_name, limit),
        "max_tokens");
  }
  generation.token_count_max = limit > 0 ? limit : old_name;
}

void read_logprobs(const Fields& fields, Request& generation) {
  const bool wanted = fields.boolean("logprobs").value_or(false);
  const auto count = fields.integer("top_logprobs", 0, kTopLogprobsMax);
  if (count.value_or(0) > 0 && !wanted)
    throw bad_request("'top_logprobs' is only allowed when 'logprobs' is true", "top_logprobs");
  if (wanted) generation.logprob_count = static_cast<int>(count.value_or(0));
}

void refuse_what_is_not_text(const Fields& fields) {
  if (fields.find("audio") != nullptr) {
    throw bad_request("'audio' is not supported", "audio", "unsupported_parameter");
  }
  const json::array* modalities = fields.array("modalities");
  if (modalities != nullptr && *modalities != json::array{"text"}) {
    throw bad_request("'modalities' must be [\"text\"]: the model answers with text alone", "modalities");
  }
}

// How much is thought. Some models' templates know it; to the others the variables mean nothing. OpenAI has the degree
// alone, other servers say whether at all.
void read_thinking(const Fields& fields, json::object& context) {
  if (const auto effort = fields.string("reasoning_effort")) set_effort(context, *effort);
  if (const auto reasoning = fields.object("reasoning")) {
    if (const auto effort = reasoning->string("effort")) set_effort(context, *effort);
    if (const auto enabled = reasoning->boolean("enabled")) set_thinking(context, *enabled);
  }
  if (const json::value* thinking = fields.find("thinking"); thinking != nullptr && thinking->is_bool()) {
    set_thinking(context, thinking->get_bool());
  } else if (const auto object = fields.object("thinking")) {
    set_thinking(context, object->required_string("type") != "disabled");
  }
  if (const auto enabled = fields.boolean("enable_thinking")) set_thinking(context, *enabled);
}

// Tools by today's names; by those of 2023 where there are none.
void read_tools(const Fields& fields, ChatRequest& request) {
  request.tools = read_chat_tools(fields);
  OfferedTools functions = read_old_functions(fields);
  if (!request.tools.empty() || functions.empty()) return;
  request.tools = std::move(functions);
  request.has_old_functions = true;
}

// Where the template stops, and the answer begins.
void read_ending(const Fields& fields, ChatRequest& request) {
  const auto adds_prompt = fields.boolean("add_generation_prompt");
  request.continues_final_message = fields.boolean("continue_final_message").value_or(false);
  if (request.continues_final_message && adds_prompt.value_or(false)) {
    throw bad_request("'continue_final_message' and 'add_generation_prompt' exclude each other",
                      "add_generation_prompt");
  }
  if (request.continues_final_message && request.generation.grammar) {
    throw bad_request("'continue_final_message': an answer whose form is given begins anew", "continue_final_message");
  }
  if (adds_prompt) request.context["add_generation_prompt"] = *adds_prompt;
}

}  // namespace

json::object parse_chat_context(const Fields& fields) {
  json::object context;
  read_thinking(fields, context);
  read_template_variables(fields, context);
  context["messages"] = template_messages(fields);
  return context;
}

ChatRequest parse_chat_request(const json::object& body, SamplerOptions defaults) {
  const Fields fields(body);
  refuse_unknown_fields(fields, {kFields, openai_fields_without_effect(), structure_fields()});
  ChatRequest request;
  read_common(fields, request, std::move(defaults));
  read_choice_count(fields, request);
  read_stream_options(fields, request);
  read_token_limits(fields, request.generation);
  read_logprobs(fields, request.generation);
  request.generation.stop = read_stop(fields, "stop");
  refuse_what_is_not_text(fields);
  read_format(fields, "response_format", request.generation);
  read_tools(fields, request);
  request.context = parse_chat_context(fields);
  fields.string("verbosity");  // without effect
  read_ending(fields, request);
  return request;
}

}  // namespace hearth
