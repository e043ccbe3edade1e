#include "server/openai/openai_tools.h"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace hearth {
namespace {

namespace json = boost::json;

Fields required_object(const Fields& fields, std::string_view name) {
  if (const auto object = fields.object(name)) return *object;
  throw bad_request(fmt::format("'{}' is missing", fields.path_of(name)), fields.path_of(name));
}

void add_function(const Fields& function, std::string_view space, OfferedTools& tools) {
  function.object("parameters");
  tools.add({.name = std::string(function.required_string("name")),
             .space = std::string(space),
             .is_strict = function.boolean("strict").value_or(false)},
            function.string("description").value_or(""), function.find("parameters"));
}

void add_custom(const Fields& tool, std::string_view space, OfferedTools& tools) {
  tools.add_custom({.name = std::string(tool.required_string("name")), .space = std::string(space)},
                   tool.string("description").value_or(""), tool.find("format"));
}

void add_chat_tools(const Fields& fields, OfferedTools& tools) {
  const json::array* list = fields.array("tools");
  for (std::size_t i = 0; list != nullptr && i < list->size(); ++i) {
    const Fields tool = object_at(*list, i, fields.path_of("tools"));
    const std::string_view type = tool.string("type").value_or("function");
    if (type == "function") add_function(required_object(tool, "function"), "", tools);
    if (type == "custom") add_custom(required_object(tool, "custom"), "", tools);
  }
}

// `space`: the namespace that the list stands in.
void add_response_tools(const Fields& holder, std::string_view space, OfferedTools& tools) {
  const json::array* list = holder.array("tools");
  for (std::size_t i = 0; list != nullptr && i < list->size(); ++i) {
    const Fields tool = object_at(*list, i, holder.path_of("tools"));
    const std::string_view type = tool.required_string("type");
    if (type == "function") add_function(tool, space, tools);
    if (type == "custom") add_custom(tool, space, tools);
    if (type == "namespace" && space.empty()) add_response_tools(tool, tool.required_string("name"), tools);
  }
}

// What a choice says: a word, or names.
struct Choice {
  bool is_none = false, is_required = false;
  bool names_tools = false;
  std::vector<std::string> names = {};
};

Choice choice_of_word(std::string_view word, const std::string& path) {
  if (word == "auto") return {};
  if (word == "none") return {.is_none = true};
  if (word == "required" || word == "any") return {.is_required = true};
  throw bad_request(fmt::format("'{}' must be \"none\", \"auto\", \"required\" or name a tool", path), path);
}

// The name that an object of a choice has: beside its type, or within an object called as the type.
std::optional<std::string> chosen_name(const Fields& chosen) {
  const std::string_view type = chosen.string("type").value_or("function");
  if (type != "function" && type != "custom") return std::nullopt;  // a tool that is left out
  if (const auto inner = chosen.object(type)) return std::string(inner->required_string("name"));
  return std::string(chosen.required_string("name"));
}

Choice choice_of_object(const Fields& chosen) {
  if (chosen.string("type").value_or("") != "allowed_tools") {
    const auto name = chosen_name(chosen);
    return name ? Choice{.is_required = true, .names_tools = true, .names = {*name}} : Choice{};
  }
  const auto inner = chosen.object("allowed_tools");
  const Fields& allowed = inner ? *inner : chosen;
  Choice choice = choice_of_word(allowed.string("mode").value_or("auto"), allowed.path_of("mode"));
  choice.names_tools = true;
  const json::array& list = allowed.required_array("tools");
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (const auto name = chosen_name(object_at(list, i, allowed.path_of("tools")))) choice.names.push_back(*name);
  }
  return choice;
}

Choice read_choice(const Fields& fields, std::string_view name) {
  const json::value* value = fields.find(name);
  if (value == nullptr) return {};
  if (value->is_string()) return choice_of_word(value->get_string(), fields.path_of(name));
  if (value->is_object()) return choice_of_object(Fields(value->get_object(), fields.path_of(name)));
  throw bad_request(fmt::format("'{}' must be a string or an object", name), std::string(name));
}

// `has_list`: tools were offered, though all of them may be left out.
void apply_choice(const Choice& choice, const std::string& path, bool has_list, OfferedTools& tools) {
  if (choice.is_none) {
    tools = {};
    return;
  }
  if (choice.is_required && !has_list) {
    throw bad_request(fmt::format("'{}' asks for a call and there are no tools", path), path);
  }
  for (const std::string& name : choice.names) {
    if (tools.has(name)) continue;
    throw bad_request(fmt::format("'{}' names '{}', which is none of the tools", path, name), path);
  }
  if (choice.names_tools) tools.keep(choice.names);
  tools.must_call = choice.is_required && !tools.empty();
}

bool has_list(const Fields& fields, std::string_view name) {
  const json::array* list = fields.array(name);
  return list != nullptr && !list->empty();
}

}  // namespace

OfferedTools read_chat_tools(const Fields& fields) {
  OfferedTools tools;
  add_chat_tools(fields, tools);
  apply_choice(read_choice(fields, "tool_choice"), "tool_choice", has_list(fields, "tools"), tools);
  tools.one_call = !fields.boolean("parallel_tool_calls").value_or(true);
  return tools;
}

OfferedTools read_old_functions(const Fields& fields) {
  OfferedTools tools;
  const json::array* list = fields.array("functions");
  for (std::size_t i = 0; list != nullptr && i < list->size(); ++i) {
    add_function(object_at(*list, i, "functions"), "", tools);
  }
  apply_choice(read_choice(fields, "function_call"), "function_call", has_list(fields, "functions"), tools);
  tools.one_call = true;
  return tools;
}

OfferedTools read_response_tools(const Fields& fields, const std::vector<Fields>& more) {
  OfferedTools tools;
  add_response_tools(fields, "", tools);
  for (const Fields& holder : more) add_response_tools(holder, "", tools);
  apply_choice(read_choice(fields, "tool_choice"), "tool_choice", has_list(fields, "tools") || !more.empty(), tools);
  tools.one_call = !fields.boolean("parallel_tool_calls").value_or(true);
  return tools;
}

}  // namespace hearth
