// A conversation and the settings it is held under: what /set changes, /show lists, /save writes and /load reads.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "sampling/sampler_options.h"

namespace hearth {

struct ChatSettings {
  SamplerOptions sampling;
  std::string system;             // empty: none
  std::int64_t token_count = -1;  // of an answer; -1: until the model ends

  // By name: a sampling option ("top_k", "top-k" or its flag), system, seed, tokens, samplers. Throws InvalidInput,
  // naming it, where there is none of that name or the value is not one.
  void set(std::string_view name, std::string_view value);
  // Name and value of everything that set() takes, in a fixed order.
  std::vector<std::pair<std::string, std::string>> list() const;
};

struct ChatMessage {
  std::string role;  // "user" or "assistant"; "tool": what a call gave
  std::string content;
  boost::json::object more = {};  // as templates take it: "tool_calls"; "tool_call_id" and "name"
};

struct Conversation {
  ChatSettings settings;
  std::vector<ChatMessage> messages;

  // For the chat template: {"messages": […]}, the system message first.
  boost::json::object template_context() const;

  // A JSON object with "settings" and "messages", that only its owner can read. Throws InvalidInput where
  // it cannot be written.
  void save(const std::filesystem::path& path) const;
  // Throws InvalidInput, and leaves the conversation as it was, where the file is not such an object. A list of
  // messages from elsewhere will do; settings that it does not name stay as they are.
  void load(const std::filesystem::path& path);
};

}  // namespace hearth
