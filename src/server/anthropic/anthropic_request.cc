#include "server/anthropic/anthropic_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "server/fields.h"
#include "server/generation_request.h"

namespace hearth {
namespace {

constexpr std::int64_t kTokensMax = std::int64_t{1} << 40;

// What both endpoints take.
constexpr std::string_view kConversationFields[] = {"model", "messages", "system", "thinking", "tools", "tool_choice"};
// Accepted without effect. They are about Anthropic's machines and bills (where a request runs, how fast, for whom),
// about caching, which needs no marks here, or about tools and thinking in earlier turns, of which there are none.
constexpr std::string_view kFieldsWithoutEffect[] = {"cache_control", "context_management", "output_config", "speed"};
constexpr std::string_view kMessageFieldsWithoutEffect[] = {"diagnostics", "inference_geo", "metadata", "service_tier"};
constexpr std::string_view kMessageFields[] = {"max_tokens", "stop_sequences", "stream",      "temperature",
                                               "top_k",      "container",      "mcp_servers", "output_format"};

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
  if (asks(body, "tools")) throw not_available("tools", "tool use is");
  if (const auto choice = body.object("tool_choice")) {
    const std::string_view type = choice->required_string("type");
    if (type != "none" && type != "auto") throw not_available("tool_choice", "tool use is");
  }
  if (const auto thinking = body.object("thinking")) {
    if (thinking->required_string("type") != "disabled") throw not_available("thinking", "extended thinking is");
  }
  if (asks(body, "output_format")) throw not_available("output_format", "structured output is");
  if (const auto config = body.object("output_config"); config && asks(*config, "format")) {
    throw not_available("output_config.format", "structured output is");
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

std::string system_text(const Fields& body) {
  const boost::json::value* system = body.find("system");
  if (system == nullptr) return {};
  if (system->is_string()) return std::string(system->get_string());
  if (!system->is_array()) throw bad_request("'system' must be a string or an array of text blocks", "system");
  std::string text;
  for (std::size_t i = 0; i < system->get_array().size(); ++i) {
    const Fields block = object_at(system->get_array(), i, "system");
    if (block.required_string("type") != "text") {
      throw bad_request(fmt::format("'{}' must be \"text\"", block.path_of("type")), block.path_of("type"));
    }
    const std::string_view piece = block_text(block);
    if (i == 0 && piece.starts_with(kBillingHeader)) continue;
    append_line(text, piece);
  }
  return text;
}

std::string content_text(const Fields& message) {
  const boost::json::value* content = message.find("content");
  const std::string path = message.path_of("content");
  if (content == nullptr) throw bad_request(fmt::format("'{}' is missing", path), path);
  if (content->is_string()) return std::string(content->get_string());
  if (!content->is_array()) throw bad_request(fmt::format("'{}' must be a string or an array of blocks", path), path);
  std::string text;
  for (std::size_t i = 0; i < content->get_array().size(); ++i) {
    const Fields block = object_at(content->get_array(), i, path);
    const std::string_view type = block.required_string("type");
    // What a model thought in earlier turns is not shown to it again.
    if (type == "thinking" || type == "redacted_thinking") continue;
    if (type != "text") {
      throw not_available(block.path_of("type"), fmt::format("content of type \"{}\" is", type));
    }
    append_line(text, block_text(block));
  }
  return text;
}

struct Turn {
  std::string_view role;
  std::string text;
};

std::vector<Turn> parse_turns(const Fields& body) {
  static constexpr std::string_view kKnown[] = {"role", "content"};
  static constexpr std::string_view kRoles[] = {"user", "assistant", "system"};
  const boost::json::array& messages = body.required_array("messages");
  if (messages.empty()) throw bad_request("'messages' is empty: at least one message is required", "messages");
  std::vector<Turn> turns;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const Fields message = object_at(messages, i, "messages");
    refuse_unknown(message, {kKnown});
    const std::string_view role = message.required_string("role");
    if (std::find(std::begin(kRoles), std::end(kRoles), role) == std::end(kRoles)) {
      throw bad_request(
          fmt::format("'{}' must be \"user\" or \"assistant\"; it is \"{}\"", message.path_of("role"), role),
          message.path_of("role"));
    }
    std::string text = content_text(message);
    const bool is_prefill = role == "assistant" && i + 1 == messages.size();
    if (text.empty() && !is_prefill) {
      throw bad_request(fmt::format("'{}' is empty", message.path_of("content")), message.path_of("content"));
    }
    if (!turns.empty() && turns.back().role == role) {
      append_line(turns.back().text, text);
    } else {
      turns.push_back({role, std::move(text)});
    }
  }
  return turns;
}

std::string take_prefill(std::vector<Turn>& turns) {
  if (turns.back().role != "assistant") return {};
  std::string prefill = std::move(turns.back().text);
  turns.pop_back();
  if (!prefill.empty() && std::string_view(" \t\r\n").find(prefill.back()) != std::string_view::npos) {
    throw bad_request("'messages': the final assistant message, from which the answer goes on, ends with white space",
                      "messages");
  }
  if (turns.empty()) throw bad_request("'messages' has no message to answer", "messages");
  return prefill;
}

AnthropicConversation parse_conversation(const Fields& body) {
  refuse_unavailable(body);
  AnthropicConversation conversation;
  conversation.model = body.required_string("model");
  boost::json::array messages;
  if (const std::string system = system_text(body); !system.empty()) {
    messages.push_back({{"role", "system"}, {"content", system}});
  }
  std::vector<Turn> turns = parse_turns(body);
  conversation.prefill = take_prefill(turns);
  for (const Turn& turn : turns) messages.push_back({{"role", turn.role}, {"content", turn.text}});
  conversation.context["messages"] = std::move(messages);
  // Thinking is off unless it is asked for; templates of models that think by default look for this name.
  conversation.context["enable_thinking"] = false;
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
  const auto token_count_max = fields.integer("max_tokens", 1, kTokensMax);
  if (!token_count_max) throw bad_request("'max_tokens' is missing", "max_tokens");
  generation.token_count_max = *token_count_max;
  generation.stop = read_stop(fields, "stop_sequences");
  request.stream = fields.boolean("stream").value_or(false);
  return request;
}

AnthropicConversation parse_anthropic_count(const boost::json::object& body) {
  const Fields fields(body);
  refuse_unknown(fields, {kConversationFields, kFieldsWithoutEffect});
  return parse_conversation(fields);
}

}  // namespace hearth
