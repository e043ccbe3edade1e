#include "server/anthropic/anthropic_tools.h"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <string_view>

namespace hearth {
namespace {

void add_tools(const boost::json::array& list, const std::set<std::string, std::less<>>& found, OfferedTools& tools) {
  for (std::size_t i = 0; i < list.size(); ++i) {
    const Fields tool = object_at(list, i, "tools");
    if (tool.string("type").value_or("custom") != "custom") continue;
    const std::string_view name = tool.required_string("name");
    tool.object("input_schema");
    if (tool.boolean("defer_loading").value_or(false) && !found.contains(name)) continue;
    tools.add({.name = std::string(name), .is_strict = tool.boolean("strict").value_or(false)},
              tool.string("description").value_or(""), tool.find("input_schema"));
  }
}

bool names(const boost::json::array& list, std::string_view name) {
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (object_at(list, i, "tools").string("name") == name) return true;
  }
  return false;
}

void read_choice(const Fields& choice, const boost::json::array& list, OfferedTools& tools) {
  const std::string_view type = choice.required_string("type");
  tools.one_call = choice.boolean("disable_parallel_tool_use").value_or(false);
  if (type == "none") tools = {};
  if (type == "none" || type == "auto") return;
  const std::string path = choice.path_of("type");
  if (type != "any" && type != "tool") {
    throw bad_request(fmt::format("'{}' must be \"auto\", \"any\", \"tool\" or \"none\"", path), path);
  }
  if (list.empty()) throw bad_request(fmt::format("'{}' asks for a call and there are no 'tools'", path), path);
  if (type == "tool") {
    const std::string name(choice.required_string("name"));
    if (!names(list, name)) {
      throw bad_request(fmt::format("'{}' is '{}', which is none of the tools", choice.path_of("name"), name),
                        choice.path_of("name"));
    }
    if (!tools.has(name)) return;  // one that is left out cannot be called, and the answer is a text
    tools.keep({name});
  }
  tools.must_call = !tools.empty();
}

}  // namespace

OfferedTools read_anthropic_tools(const Fields& body, const std::set<std::string, std::less<>>& found) {
  OfferedTools tools;
  const boost::json::array* list = body.array("tools");
  if (list != nullptr) add_tools(*list, found, tools);
  if (const auto choice = body.object("tool_choice")) {
    read_choice(*choice, list != nullptr ? *list : boost::json::array(), tools);
  }
  return tools;
}

}  // namespace hearth
