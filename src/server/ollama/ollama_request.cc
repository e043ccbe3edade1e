#include "server/ollama/ollama_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <cstdint>
#include <limits>
#include <utility>

#include "server/conversation_prompt.h"
#include "server/fields.h"
#include "server/generation_request.h"
#include "server/structured_output.h"
#include "server/template_messages.h"

namespace hearth {
namespace {

constexpr std::int64_t kTopLogprobsMax = 20;

// Accepted without effect: how Ollama loads a model and lays out its memory; what Hearth's server was started with
// holds. num_keep is about what stays when a full context is shifted, which does not happen here. The mirostat options
// and penalize_newline mean nothing while the samplers that they belong to are off.
constexpr std::string_view kOptionsWithoutEffect[] = {
    "embedding_only", "f16_kv",    "logits_all",       "low_vram",  "main_gpu",  "mirostat_eta",
    "mirostat_tau",   "num_batch", "num_gpu",          "num_gqa",   "num_keep",  "num_thread",
    "numa",           "use_mmap",  "penalize_newline", "use_mlock", "vocab_only"};
constexpr std::string_view kOptions[] = {"mirostat", "num_ctx", "num_predict", "stop", "tfs_z"};

// Null, false, 0, "" and what is empty ask for nothing.
bool asks(const Fields& fields, std::string_view name) {
  const boost::json::value* value = fields.find(name);
  if (value == nullptr) return false;
  if (value->is_bool()) return value->get_bool();
  if (value->is_string()) return !value->get_string().empty();
  if (value->is_array()) {  // some clients always write a list, with an empty text where there is nothing
    const auto& items = value->get_array();
    return std::any_of(items.begin(), items.end(), [](const auto& item) { return item != "" && !item.is_null(); });
  }
  if (value->is_object()) return !value->get_object().empty();
  return value->to_number<double>() != 0;
}

void refuse(const Fields& fields, std::string_view name, std::string_view why) {
  if (!asks(fields, name)) return;
  const std::string path = fields.path_of(name);
  throw bad_request(fmt::format("'{}': {}", path, why), path);
}

std::string check_model(std::string_view name, const ServedModel& model) {
  constexpr std::string_view kTag = ":latest";
  const std::string_view untagged = name.ends_with(kTag) ? name.substr(0, name.size() - kTag.size()) : name;
  // Whoever passes requests on to this server knows which model is meant.
  constexpr std::string_view kAnyName = "*";
  if (model.is_called(name) || model.is_called(untagged) || model.is_called(kAnyName)) return std::string(name);
  Router::Failure failure;
  failure.status = 404;
  failure.message = fmt::format("model '{}' not found; this server has '{}'", name, model.name);
  throw HttpError(std::move(failure));
}

void read_options(const Fields& options, Request& generation) {
  refuse_unknown_fields(options, {kOptions, kOptionsWithoutEffect});
  refuse(options, "mirostat", "mirostat sampling is not available on this server; 0 is");
  if (const auto tail = options.number("tfs_z", 0, 1); tail && *tail != 1) {
    throw bad_request("'options.tfs_z': tail-free sampling is not available on this server; 1 is", "options.tfs_z");
  }
  // A standing setting of many clients. A conversation that does not fit what is served is refused for its length.
  options.integer("num_ctx", 0, std::numeric_limits<std::int64_t>::max());
  read_sampling(options, generation.sampling);
  read_scheduling(options, generation);
  generation.stop = read_stop(options, "stop");
  // -1, "without end", and -2, "until the context is full", are the same where a full context ends the answer.
  const auto count = options.integer("num_predict", -2, std::numeric_limits<std::int32_t>::max());
  if (count && *count > 0) generation.token_count_max = *count;
}

void read_logprobs(const Fields& body, Request& generation) {
  const auto count = body.integer("top_logprobs", 0, kTopLogprobsMax);
  if (body.boolean("logprobs").value_or(false)) {
    generation.logprob_count = static_cast<int>(count.value_or(0));
  } else if (count.value_or(0) > 0) {
    throw bad_request("'top_logprobs' needs 'logprobs'", "top_logprobs");
  }
}

// How much the model shall think, for templates that know these names; where it is not said, the template decides.
void read_think(const Fields& body, boost::json::object& conversation) {
  const boost::json::value* think = body.find("think");
  if (think == nullptr) return;
  if (!think->is_bool() && !think->is_string()) {
    throw bad_request("'think' must be true, false, or \"low\", \"medium\" or \"high\"", "think");
  }
  set_thinking(conversation, !think->is_bool() || think->get_bool());
  if (think->is_string()) set_effort(conversation, think->get_string());
}

void read_common(const Fields& body, const ServedModel& model, SamplerOptions defaults, OllamaRequest& request) {
  request.model = check_model(body.required_string("model"), model);
  request.stream = body.boolean("stream").value_or(true);
  refuse(body, "truncate",
         "a conversation that is too long is never shortened; the answer is an error with its length");
  refuse(body, "shift", "a full context ends the answer; it is not shifted");
  request.generation.sampling = std::move(defaults);
  if (const auto options = body.object("options")) read_options(*options, request.generation);
  read_logprobs(body, request.generation);
  read_schema(body, "format", request.generation);
}

// An unload is what `ollama stop` sends; nobody should believe that it happened.
void refuse_unload(const Fields& body) {
  const boost::json::value* keep = body.find("keep_alive");
  if (keep == nullptr) return;
  const bool is_zero = keep->is_number()
                           ? keep->to_number<double>() == 0
                           : keep->is_string() && (keep->get_string() == "0" || keep->get_string() == "0s");
  if (is_zero) throw bad_request("'keep_alive': this server keeps its model until it is stopped", "keep_alive");
}

boost::json::object conversation_of(boost::json::array messages, const Fields& body) {
  boost::json::object conversation;
  conversation["messages"] = std::move(messages);
  read_think(body, conversation);
  return conversation;
}

void add_calls(const Fields& message, TemplateMessages& messages) {
  const boost::json::array* calls = message.array("tool_calls");
  for (std::size_t i = 0; calls != nullptr && i < calls->size(); ++i) {
    const Fields call = object_at(*calls, i, message.path_of("tool_calls"));
    const auto function = call.object("function");
    if (!function)
      throw bad_request(fmt::format("'{}' is missing", call.path_of("function")), call.path_of("function"));
    const boost::json::value* arguments = function->find("arguments");
    messages.add_call(call.string("id").value_or(""), function->required_string("name"),
                      arguments == nullptr ? boost::json::object() : *arguments);
  }
}

std::string content_of(const Fields& message, std::string_view role) {
  const boost::json::value* content = message.find("content");
  if (role == "tool" && content != nullptr && is_plain_data(*content)) return data_text(*content);
  return std::string(message.string("content").value_or(""));
}

void add_message(const Fields& message, TemplateMessages& messages) {
  static constexpr std::string_view kRoles[] = {"system", "user", "assistant", "tool"};
  const std::string_view role = message.required_string("role");
  if (std::find(std::begin(kRoles), std::end(kRoles), role) == std::end(kRoles)) {
    throw bad_request(fmt::format("'{}' must be \"system\", \"user\", \"assistant\" or \"tool\"; it is \"{}\"",
                                  message.path_of("role"), role),
                      message.path_of("role"));
  }
  refuse(message, "images", "this model does not take images");
  boost::json::object rendered{{"role", role}, {"content", content_of(message, role)}};
  if (role == "tool") {
    if (const auto id = message.string("tool_call_id")) rendered["tool_call_id"] = *id;
    if (const auto name = message.string("tool_name")) rendered["name"] = *name;
  }
  if (role == "assistant") messages.add_thought(message.string("thinking").value_or(""));
  messages.add(std::move(rendered));
  if (role == "assistant") add_calls(message, messages);
}

// Ollama itself knows no choice; clients of its other API send one.
OfferedTools read_tools(const Fields& body) {
  OfferedTools tools;
  const boost::json::array* list = body.array("tools");
  for (std::size_t i = 0; list != nullptr && i < list->size(); ++i) {
    const Fields tool = object_at(*list, i, "tools");
    if (tool.string("type").value_or("function") != "function") continue;
    const auto function = tool.object("function");
    if (!function) throw bad_request(fmt::format("'{}' is missing", tool.path_of("function")), "tools");
    function->object("parameters");
    tools.add({.name = std::string(function->required_string("name"))}, function->string("description").value_or(""),
              function->find("parameters"));
  }
  const boost::json::value* choice = body.find("tool_choice");
  if (choice != nullptr && *choice == "none") return {};
  tools.must_call = choice != nullptr && *choice == "required" && !tools.empty();
  return tools;
}

std::string take_prefill(boost::json::array& messages) {
  if (messages.empty() || messages.back().at("role") != "assistant") return {};
  if (messages.back().get_object().contains("tool_calls")) return {};
  std::string prefill(messages.back().at("content").as_string());
  messages.pop_back();
  return prefill;
}

std::vector<TokenId> read_context(const Fields& body) {
  std::vector<TokenId> context;
  const boost::json::array* ids = body.array("context");
  if (ids == nullptr) return context;
  for (std::size_t i = 0; i < ids->size(); ++i) {
    const std::int64_t* id = (*ids)[i].if_int64();
    if (id == nullptr || *id < 0 || *id > std::numeric_limits<TokenId>::max()) {
      throw bad_request(fmt::format("'context[{}]' must be a token's number, from an earlier answer", i), "context");
    }
    context.push_back(static_cast<TokenId>(*id));
  }
  return context;
}

void check_prompt(const Fields& body, const OllamaGenerateRequest& request, const ServedModel& model) {
  if (request.raw && (!request.system.empty() || !request.context.empty())) {
    throw bad_request("'raw': a raw prompt has no system text and no context", "raw");
  }
  if (!request.system.empty() && model.chat_template_text.empty()) {
    throw bad_request("'system': the model has no chat template that could take a system text", "system");
  }
  refuse(body, "template", "another template than the model's own is not available on this server");
  refuse(body, "suffix", "text to be written in front of a suffix is not available on this server");
  refuse(body, "images", "this model does not take images");
}

}  // namespace

OllamaGenerateRequest parse_ollama_generate(const boost::json::object& body, const ServedModel& model,
                                            SamplerOptions defaults) {
  const Fields fields(body);
  OllamaGenerateRequest request;
  read_common(fields, model, std::move(defaults), request);
  request.prompt = fields.string("prompt").value_or("");
  request.system = fields.string("system").value_or("");
  request.raw = fields.boolean("raw").value_or(false);
  request.context = read_context(fields);
  check_prompt(fields, request, model);
  boost::json::array messages;
  if (!request.system.empty()) messages.push_back({{"role", "system"}, {"content", request.system}});
  messages.push_back({{"role", "user"}, {"content", request.prompt}});
  request.conversation = conversation_of(std::move(messages), fields);
  request.load_only = request.prompt.empty();
  if (request.load_only) refuse_unload(fields);
  return request;
}

OllamaChatRequest parse_ollama_chat(const boost::json::object& body, const ServedModel& model,
                                    SamplerOptions defaults) {
  const Fields fields(body);
  OllamaChatRequest request;
  read_common(fields, model, std::move(defaults), request);
  request.tools = read_tools(fields);
  TemplateMessages turns;
  if (const boost::json::array* given = fields.array("messages")) {
    for (std::size_t i = 0; i < given->size(); ++i) add_message(object_at(*given, i, "messages"), turns);
  }
  boost::json::array messages = turns.take();
  request.load_only = messages.empty();
  if (request.load_only) refuse_unload(fields);
  request.prefill = take_prefill(messages);
  if (!request.prefill.empty() && request.generation.grammar) {
    throw bad_request("'format': an answer whose form is given does not go on from a message", "format");
  }
  if (messages.empty() && !request.load_only) throw bad_request("'messages' has no message to answer", "messages");
  request.conversation = conversation_of(std::move(messages), fields);
  return request;
}

std::string parse_ollama_model(const boost::json::object& body, const ServedModel& model) {
  const Fields fields(body);
  const auto old_name = fields.string("name");
  const auto name = fields.string("model");
  if (!name && !old_name) throw bad_request("'model' is missing", "model");
  return check_model(name ? *name : *old_name, model);
}

}  // namespace hearth
