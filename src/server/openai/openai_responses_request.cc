// Reads requests to /v1/responses: a text or a list of items.
#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "server/conversation_prompt.h"
#include "server/generation_request.h"
#include "server/http/json_reply.h"
#include "server/openai/openai_request.h"
#include "server/openai/openai_request_fields.h"
#include "server/openai/openai_tools.h"
#include "server/structured_output.h"
#include "server/template_messages.h"
#include "text/templates/conversation.h"

namespace hearth {
namespace {

namespace json = boost::json;

constexpr std::string_view kFields[] = {"model",          "input",
                                        "instructions",   "stream",
                                        "stream_options", "max_output_tokens",
                                        "text",           "tools",
                                        "tool_choice",    "parallel_tool_calls",
                                        "max_tool_calls", "previous_response_id",
                                        "conversation",   "prompt",
                                        "background",     "truncation",
                                        "include",        "reasoning",
                                        "top_logprobs",   "chat_template_kwargs"};
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

std::string required_text(const Fields& item, std::string_view name) {
  if (std::optional<std::string> text = text_of_parts(item, name, kTextParts)) return std::move(*text);
  throw bad_request(fmt::format("'{}' is missing", item.path_of(name)), item.path_of(name));
}

// What a call gave.
std::string result_text(const Fields& item) {
  const json::value* output = item.find("output");
  if (output != nullptr && is_plain_data(*output)) return data_text(*output);
  return required_text(item, "output");
}

// What was thought, where the item says so in clear: encrypted thoughts are for the server that wrote them.
std::string thought_of(const Fields& item) {
  constexpr std::string_view kThoughts[] = {"reasoning_text", "summary_text", "text"};
  std::string thought = text_of_parts(item, "content", kThoughts).value_or("");
  return thought.empty() ? text_of_parts(item, "summary", kThoughts).value_or("") : thought;
}

// A call of whatever kind: a function's has `arguments`, a custom tool's `input`, a built-in one says what to do.
void add_call(const Fields& item, std::string_view type, TemplateMessages& messages) {
  const std::string_view id = item.string("call_id").value_or("");
  const std::string_view space = item.string("namespace").value_or("");
  const json::value* arguments = item.find("arguments");
  if (arguments != nullptr && arguments->is_string()) {
    messages.add_call(id, offered_name(space, item.required_string("name")), call_arguments(arguments->get_string()));
  } else if (const auto input = item.string("input")) {
    messages.add_call(id, offered_name(space, item.required_string("name")), custom_arguments(*input));
  } else if (arguments != nullptr) {
    type.remove_suffix(std::string_view("_call").size());
    messages.add_call(id, item.string("name").value_or(type), *arguments);
  } else {
    type.remove_suffix(std::string_view("_call").size());
    const json::value* action = item.find("action");
    if (action == nullptr) action = item.find("operation");
    messages.add_call(id, item.string("name").value_or(type), action == nullptr ? json::object() : *action);
  }
}

// Of tools that a search has found; they are read with the request's.
std::string names_of_tools(const Fields& item) {
  std::string names;
  const json::array* tools = item.array("tools");
  for (std::size_t i = 0; tools != nullptr && i < tools->size(); ++i) {
    if (!names.empty()) names += '\n';
    names += object_at(*tools, i, item.path_of("tools")).string("name").value_or("");
  }
  return names;
}

void add_item(const Fields& item, TemplateMessages& messages) {
  const std::string_view type = item.string("type").value_or("message");
  if (type == "message") {
    const std::string_view role = template_role(item);
    const std::optional<json::value> content = template_content(item, kTextParts);
    if (!content) throw bad_request(fmt::format("'{}' is missing", item.path_of("content")), item.path_of("content"));
    messages.add({{"role", role}, {"content", *content}});
  } else if (type == "reasoning") {
    messages.add_thought(thought_of(item));
  } else if (type.ends_with("_call_output")) {
    messages.add_result(item.required_string("call_id"), result_text(item));
  } else if (type.ends_with("_call") && (item.find("call_id") != nullptr || item.find("arguments") != nullptr)) {
    add_call(item, type, messages);
  } else if (type.ends_with("_call")) {
    // A tool of the server that answered: what it found is in that answer.
  } else if (type == "tool_search_output") {
    messages.add_result(item.string("call_id").value_or(""), names_of_tools(item));
  } else if (type == "additional_tools") {
    // Read with the request's tools.
  } else {
    throw not_supported(item.path_of("type"), "the input's items must be messages, thoughts, calls and their results");
  }
}

json::array template_messages(const Fields& fields) {
  TemplateMessages messages;
  if (const auto instructions = fields.string("instructions")) {
    messages.add({{"role", "system"}, {"content", *instructions}});
  }
  const json::value* input = fields.find("input");
  if (input == nullptr) throw bad_request("'input' is missing", "input");
  if (input->is_string()) {
    messages.add({{"role", "user"}, {"content", input->get_string()}});
    return messages.take();
  }
  if (!input->is_array()) throw bad_request("'input' must be a string or an array of messages", "input");
  if (input->get_array().empty()) throw bad_request("'input' is empty: there must be at least one message", "input");
  for (std::size_t i = 0; i < input->get_array().size(); ++i) {
    add_item(object_at(input->get_array(), i, "input"), messages);
  }
  return messages.take();
}

// The request's tools, and those that its conversation brings along.
OfferedTools read_tools(const Fields& fields) {
  std::vector<Fields> more;
  const json::value* input = fields.find("input");
  const json::array* items = input != nullptr ? input->if_array() : nullptr;
  for (std::size_t i = 0; items != nullptr && i < items->size(); ++i) {
    const Fields item = object_at(*items, i, "input");
    const std::string_view type = item.string("type").value_or("");
    if (type == "additional_tools" || type == "tool_search_output") more.push_back(item);
  }
  return read_response_tools(fields, more);
}

void refuse_what_is_not_kept(const Fields& fields) {
  if (fields.find("prompt") != nullptr) throw not_supported("prompt", "this server keeps no prompts");
  if (fields.boolean("background").value_or(false)) {
    throw not_supported("background", "this server answers while the client waits");
  }
  // Nothing is ever dropped from a conversation: one that does not fit is refused either way.
  const auto truncation = fields.string("truncation");
  if (truncation && *truncation != "disabled" && *truncation != "auto") {
    throw bad_request("'truncation' must be \"disabled\" or \"auto\"", "truncation");
  }
}

// `text` and `reasoning`: how the answer looks, and how much is thought before it.
void read_style(const Fields& fields, ResponsesRequest& request) {
  constexpr std::string_view kTextFields[] = {"format", "verbosity"};
  constexpr std::string_view kReasoningFields[] = {"effort", "summary", "generate_summary", "context", "mode"};
  if (const auto text = fields.object("text")) {
    refuse_unknown_fields(*text, {kTextFields}, false);
    read_format(*text, "format", request.generation);
    text->string("verbosity");  // without effect
  }
  if (const auto reasoning = fields.object("reasoning")) {
    refuse_unknown_fields(*reasoning, {kReasoningFields}, false);
    if (const auto effort = reasoning->string("effort")) set_effort(request.context, *effort);
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
  const auto as_sent = [&](std::string_view name, json::value otherwise = {}) {
    const json::value* value = fields.find(name);
    return value == nullptr ? std::move(otherwise) : *value;
  };
  const json::value text = as_sent("text");
  const bool has_format = text.is_object() && text.get_object().contains("format");
  const auto reasoning = fields.object("reasoning");
  const json::value* effort = reasoning ? reasoning->find("effort") : nullptr;
  const json::value* summary = reasoning ? reasoning->find("summary") : nullptr;
  return {{"instructions", as_sent("instructions")},
          {"max_output_tokens", as_sent("max_output_tokens")},
          {"metadata", as_sent("metadata", json::object())},
          {"parallel_tool_calls", as_sent("parallel_tool_calls", true)},
          {"reasoning",
           {{"effort", effort == nullptr ? json::value() : *effort},
            {"summary", summary == nullptr ? json::value() : *summary}}},
          {"tool_choice", as_sent("tool_choice", "auto")},
          {"tools", as_sent("tools", json::array())},
          {"safety_identifier", as_sent("safety_identifier")},
          {"prompt_cache_key", as_sent("prompt_cache_key")},
          {"temperature", as_written(generation.sampling.temperature)},
          {"top_p", as_written(generation.sampling.top_p)},
          {"truncation", fields.string("truncation").value_or("disabled")},
          {"top_logprobs", generation.logprob_count.value_or(0)},
          {"text", has_format ? text : json::value{{"format", {{"type", "text"}}}}},
          {"user", as_sent("user")}};
}

}  // namespace

ResponsesRequest parse_responses_request(const json::object& body, SamplerOptions defaults) {
  const Fields fields(body);
  refuse_unknown_fields(fields, {kFields, openai_fields_without_effect(), structure_fields()});
  ResponsesRequest request;
  read_common(fields, request, std::move(defaults));
  read_stream_options(fields, request);
  refuse_what_is_not_kept(fields);
  constexpr std::int64_t kAny = std::numeric_limits<std::int32_t>::max();
  fields.integer("max_tool_calls", 1, kAny);
  request.generation.token_count_max = read_token_limit(fields, "max_output_tokens");
  read_logprobs(fields, request);
  read_style(fields, request);
  read_template_variables(fields, request.context);
  request.context["messages"] = template_messages(fields);
  request.tools = read_tools(fields);
  request.echoed = echoed(fields, request.generation);
  return request;
}

}  // namespace hearth
