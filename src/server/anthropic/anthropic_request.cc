#include "server/anthropic/anthropic_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <set>
#include <span>
#include <string_view>
#include <utility>

#include "base/ascii_case.h"
#include "server/anthropic/anthropic_tools.h"
#include "server/conversation_prompt.h"
#include "server/fields.h"
#include "server/generation_request.h"
#include "server/structured_output.h"
#include "server/template_messages.h"

namespace hearth {
namespace {

// What both endpoints take.
constexpr std::string_view kConversationFields[] = {"model", "messages", "system", "thinking", "tools", "tool_choice"};
// Accepted without effect. They are about Anthropic's machines and bills (where a request runs, how fast, for whom),
// about caching, which needs no marks here, or about what is dropped of earlier turns.
constexpr std::string_view kFieldsWithoutEffect[] = {"cache_control", "context_management", "output_config", "speed",
                                                     "betas"};
constexpr std::string_view kMessageFieldsWithoutEffect[] = {"diagnostics", "inference_geo", "metadata", "safeguards",
                                                            "service_tier"};
constexpr std::string_view kMessageFields[] = {"max_tokens", "stop_sequences", "stream",        "temperature", "top_k",
                                               "container",  "mcp_servers",    "output_format", "thread"};

void refuse_unknown(const Fields& fields, std::initializer_list<std::span<const std::string_view>> known,
                    bool generation_fields = false) {
  const auto unknown = unknown_field(fields, known, generation_fields);
  if (!unknown) return;
  const std::string path = fields.path_of(*unknown);
  throw bad_request(fmt::format("{}: Extra inputs are not permitted", path), path);
}

HttpError not_available(const std::string& path, std::string_view what) {
  return bad_request(fmt::format("'{}': {} not available on this server", path, what), path);
}

// Null, an empty array and an empty object ask for nothing.
bool asks(const Fields& fields, std::string_view name) {
  const boost::json::value* value = fields.find(name);
  if (value == nullptr) return false;
  if (value->is_array()) return !value->get_array().empty();
  if (value->is_object()) return !value->get_object().empty();
  return true;
}

void refuse_unavailable(const Fields& body) {
  if (asks(body, "thread")) {
    // Clients know this code, and go on with the whole conversation in every request.
    throw bad_request("'thread': threads are not available on this server; send the whole conversation", "thread",
                      std::string(kThreadUnsupported));
  }
  if (asks(body, "container")) throw not_available("container", "containers are");
  if (asks(body, "mcp_servers")) throw not_available("mcp_servers", "MCP servers are");
}

void append_line(std::string& text, std::string_view more) {
  if (!text.empty() && !more.empty()) text += '\n';
  text += more;
}

std::string_view block_text(const Fields& block) {
  static constexpr std::string_view kKnown[] = {"type", "text", "cache_control", "citations"};
  refuse_unknown(block, {kKnown});
  return block.required_string("text");
}

// Texts as a message's content: one is a string, several are parts, which a template that wants a string gets as lines
// of it.
class Content {
 public:
  void add(std::string_view text) {
    if (!text.empty()) parts_.push_back({{"type", "text"}, {"text", text}});
  }
  void add(boost::json::value content) {
    if (content.is_string()) return add(std::string_view(content.get_string()));
    if (parts_.empty()) {
      parts_ = std::move(content.as_array());
      return;
    }
    for (boost::json::value& part : content.as_array()) parts_.push_back(std::move(part));
  }

  bool empty() const { return parts_.empty(); }

  boost::json::value take() {
    boost::json::array parts = std::exchange(parts_, {});
    if (parts.empty()) return "";
    return parts.size() == 1 ? parts.front().at("text") : boost::json::value(std::move(parts));
  }

  std::string take_text() {
    std::string text;
    for (const boost::json::value& part : std::exchange(parts_, {})) append_line(text, part.at("text").as_string());
    return text;
  }

 private:
  boost::json::array parts_;
};

boost::json::value system_content(const Fields& body) {
  const boost::json::value* system = body.find("system");
  if (system == nullptr) return "";
  if (system->is_string()) return *system;
  if (!system->is_array()) throw bad_request("'system' must be a string or an array of text blocks", "system");
  Content content;
  for (std::size_t i = 0; i < system->get_array().size(); ++i) {
    const Fields block = object_at(system->get_array(), i, "system");
    if (block.required_string("type") != "text") {
      throw bad_request(fmt::format("'{}' must be \"text\"", block.path_of("type")), block.path_of("type"));
    }
    content.add(block_text(block));
  }
  return content.take();
}

using Names = std::set<std::string, std::less<>>;

// A tool's result: a text, or blocks of it. `found`: gets the tools that it refers to.
std::string result_text(const Fields& block, Names& found) {
  const boost::json::value* content = block.find("content");
  if (content == nullptr) return {};
  if (content->is_string()) return std::string(content->get_string());
  if (is_plain_data(*content)) return data_text(*content);
  std::string text;
  const boost::json::array& parts = *block.array("content");
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const Fields part = object_at(parts, i, block.path_of("content"));
    const std::string_view type = part.required_string("type");
    if (type == "text") {
      append_line(text, block_text(part));
    } else if (type == "tool_reference") {  // a tool that was found by its name
      const std::string_view name = part.required_string("tool_name");
      append_line(text, name);
      found.emplace(name);
    } else {
      throw not_available(part.path_of("type"), fmt::format("content of type \"{}\" is", type));
    }
  }
  return text;
}

// Templates know no results that are errors: the text must say it.
std::string marked_error(std::string text) {
  constexpr std::size_t kHead = 64;
  const std::string head = ascii_lower(text.substr(0, kHead));
  if (head.find("error") != std::string::npos) return text;
  return text.empty() ? "Error" : "Error: " + text;
}

// What another server's own tools did: it is in that server's answer.
bool is_of_server(std::string_view type) {
  return type == "server_tool_use" || type == "mcp_tool_use" ||
         (type.ends_with("_tool_result") && type != "tool_result");
}

// A message's blocks: its text is one message, the results of tools before it are one each.
class Turn {
 public:
  Turn(const Fields& message, std::string_view role, TemplateMessages& messages, Names& found)
      : message_(message), role_(role), messages_(messages), found_(found) {}

  void add_text(std::string_view text) { content_.add(text); }

  void add_block(const Fields& block) {
    const std::string_view type = block.required_string("type");
    const bool is_assistant = role_ == "assistant";
    if (type == "text") {
      add_text(block_text(block));
    } else if (type == "redacted_thinking") {
      // For the server that wrote it.
    } else if (type == "thinking") {
      messages_.add_thought(block.string("thinking").value_or(""));
    } else if (type == "tool_use" && is_assistant) {
      end_text();
      const boost::json::value* input = block.find("input");
      messages_.add_call(block.required_string("id"), block.required_string("name"),
                         input == nullptr ? boost::json::object() : *input);
      said_something_ = true;
    } else if (type == "tool_result" && !is_assistant) {
      end_text();
      std::string text = result_text(block, found_);
      if (block.boolean("is_error").value_or(false)) text = marked_error(std::move(text));
      messages_.add_result(block.required_string("tool_use_id"), text);
      said_something_ = true;
    } else if (is_assistant && is_of_server(type)) {
      said_something_ = true;
    } else {
      throw not_available(block.path_of("type"), fmt::format("content of type \"{}\" is", type));
    }
  }

  // `is_last`: an answer that goes on from nothing may be empty.
  void end(bool is_last) {
    if (content_.empty() && !said_something_) {
      if (role_ == "assistant" && is_last) return messages_.add({{"role", role_}, {"content", ""}});
      throw bad_request(fmt::format("'{}' is empty", message_.path_of("content")), message_.path_of("content"));
    }
    end_text();
  }

 private:
  void end_text() {
    if (!content_.empty()) messages_.add({{"role", role_}, {"content", content_.take()}});
  }

  const Fields& message_;
  std::string_view role_;
  TemplateMessages& messages_;
  Names& found_;
  Content content_;
  bool said_something_ = false;
};

std::string_view role_of(const Fields& message) {
  static constexpr std::string_view kRoles[] = {"user", "assistant", "system"};
  const std::string_view role = message.required_string("role");
  if (std::find(std::begin(kRoles), std::end(kRoles), role) != std::end(kRoles)) return role;
  throw bad_request(fmt::format("'{}' must be \"user\" or \"assistant\"; it is \"{}\"", message.path_of("role"), role),
                    message.path_of("role"));
}

void add_turn(const Fields& message, bool is_last, TemplateMessages& messages, Names& found) {
  static constexpr std::string_view kKnown[] = {"role", "content", "output_config"};
  refuse_unknown(message, {kKnown});
  Turn turn(message, role_of(message), messages, found);
  const boost::json::value* content = message.find("content");
  const std::string path = message.path_of("content");
  if (content == nullptr) throw bad_request(fmt::format("'{}' is missing", path), path);
  if (content->is_string()) {
    turn.add_text(content->get_string());
  } else if (content->is_array()) {
    for (std::size_t i = 0; i < content->get_array().size(); ++i) {
      turn.add_block(object_at(content->get_array(), i, path));
    }
  } else {
    throw bad_request(fmt::format("'{}' must be a string or an array of blocks", path), path);
  }
  turn.end(is_last);
}

bool is_plain(const boost::json::object& message) {
  return message.size() == 2;  // a role and texts
}

// Neighbours of one role, where they are nothing but text, are one message.
boost::json::array joined(boost::json::array messages) {
  boost::json::array result;
  for (boost::json::value& value : messages) {
    boost::json::object& message = value.get_object();
    boost::json::object* last = result.empty() ? nullptr : &result.back().get_object();
    if (last == nullptr || last->at("role") != message.at("role") || !is_plain(*last) || !is_plain(message)) {
      result.push_back(std::move(value));
      continue;
    }
    Content content;
    content.add(std::move(last->at("content")));
    content.add(std::move(message.at("content")));
    (*last)["content"] = content.take();
  }
  return result;
}

boost::json::array parse_turns(const Fields& body, Names& found) {
  const boost::json::array& given = body.required_array("messages");
  if (given.empty()) throw bad_request("'messages' is empty: at least one message is required", "messages");
  TemplateMessages messages;
  for (std::size_t i = 0; i < given.size(); ++i) {
    add_turn(object_at(given, i, "messages"), i + 1 == given.size(), messages, found);
  }
  return joined(messages.take());
}

std::string take_prefill(boost::json::array& turns) {
  if (turns.empty() || turns.back().at("role") != "assistant" || turns.back().get_object().contains("tool_calls")) {
    return {};
  }
  Content content;
  content.add(std::move(turns.back().at("content")));
  std::string prefill = content.take_text();
  turns.pop_back();
  if (!prefill.empty() && std::string_view(" \t\r\n").find(prefill.back()) != std::string_view::npos) {
    throw bad_request("'messages': the final assistant message, from which the answer goes on, ends with white space",
                      "messages");
  }
  return prefill;
}

// How much is thought: thinking is off unless it is asked for.
void read_thinking(const Fields& body, AnthropicConversation& conversation) {
  boost::json::object& context = conversation.context;
  bool is_on = false;
  if (const auto thinking = body.object("thinking")) {
    const std::string_view type = thinking->required_string("type");
    is_on = type == "enabled" || type == "adaptive";
    if (is_on) conversation.thinking_tokens_max = read_token_limit(*thinking, "budget_tokens");
    if (!is_on && type != "disabled") {
      throw bad_request("'thinking.type' must be \"enabled\", \"adaptive\" or \"disabled\"", "thinking.type");
    }
  }
  if (const auto config = body.object("output_config")) {
    if (const auto effort = config->string("effort")) set_effort(context, *effort);
  }
  set_thinking(context, is_on);
  conversation.thinks = is_on;
}

AnthropicConversation parse_conversation(const Fields& body) {
  refuse_unavailable(body);
  AnthropicConversation conversation;
  conversation.model = body.required_string("model");
  boost::json::array messages;
  if (const boost::json::value system = system_content(body); system != "") {
    messages.push_back({{"role", "system"}, {"content", system}});
  }
  Names found;
  boost::json::array turns = parse_turns(body, found);
  conversation.tools = read_anthropic_tools(body, found);
  conversation.prefill = take_prefill(turns);
  if (turns.empty()) throw bad_request("'messages' has no message to answer", "messages");
  for (boost::json::value& turn : turns) messages.push_back(std::move(turn));
  conversation.context["messages"] = std::move(messages);
  read_thinking(body, conversation);
  return conversation;
}

}  // namespace

AnthropicRequest parse_anthropic_request(const boost::json::object& body, SamplerOptions defaults) {
  const Fields fields(body);
  refuse_unknown(fields, {kConversationFields, kFieldsWithoutEffect, kMessageFields, kMessageFieldsWithoutEffect},
                 true);
  AnthropicRequest request;
  request.conversation = parse_conversation(fields);
  Request& generation = request.generation;
  generation.sampling = std::move(defaults);
  read_sampling(fields, generation.sampling);
  read_scheduling(fields, generation);
  if (request.conversation.thinking_tokens_max >= 0) {
    generation.thinking.token_count_max = request.conversation.thinking_tokens_max;
  }
  if (fields.find("max_tokens") == nullptr) throw bad_request("'max_tokens' is missing", "max_tokens");
  generation.token_count_max = read_token_limit(fields, "max_tokens");
  generation.stop = read_stop(fields, "stop_sequences");
  request.stream = fields.boolean("stream").value_or(false);
  // The older name, and today's.
  read_format(fields, "output_format", generation);
  if (const auto config = fields.object("output_config")) read_format(*config, "format", generation);
  if (generation.grammar && !request.conversation.prefill.empty()) {
    throw bad_request("'messages': an answer whose form is given does not go on from a final assistant message",
                      "messages");
  }
  return request;
}

AnthropicConversation parse_anthropic_count(const boost::json::object& body) {
  const Fields fields(body);
  refuse_unknown(fields, {kConversationFields, kFieldsWithoutEffect});
  return parse_conversation(fields);
}

}  // namespace hearth
