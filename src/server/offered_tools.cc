#include "server/offered_tools.h"

#include <algorithm>
#include <boost/json/object.hpp>
#include <utility>

namespace hearth {

namespace json = boost::json;

namespace {

constexpr std::string_view kInput = "input";

// The words by which a model learns what a tool's text must look like.
std::string described_format(const json::value* format) {
  const json::object* object = format != nullptr ? format->if_object() : nullptr;
  const json::value* grammar = object != nullptr ? object->if_contains("grammar") : nullptr;
  if (grammar != nullptr && grammar->is_object()) object = &grammar->get_object();  // as chat completions nest it
  const json::value* definition = object != nullptr ? object->if_contains("definition") : nullptr;
  if (definition == nullptr || !definition->is_string()) return {};
  const json::value* syntax = object->if_contains("syntax");
  const bool is_regex = syntax != nullptr && *syntax == "regex";
  return (is_regex ? "The input matches this regular expression:\n" : "The input follows this Lark grammar:\n") +
         std::string(definition->get_string());
}

}  // namespace

std::string offered_name(std::string_view space, std::string_view name) {
  // "functions" is where OpenAI's models expect every tool.
  if (space.empty() || space == "functions") return std::string(name);
  return std::string(space) + "__" + std::string(name);
}

json::object custom_arguments(std::string_view input) {
  return {{kInput, input}};
}

void OfferedTools::add(ClientTool tool, std::string_view description, const json::value* parameters) {
  std::string name = offered_name(tool.space, tool.name);
  const bool is_known =
      std::any_of(tools_.begin(), tools_.end(), [&](const Tool& known) { return known.name == name; });
  if (is_known) return;
  json::object function{{"name", name}};
  if (!description.empty()) function["description"] = description;
  // Templates walk over the properties, and expect that there are some.
  const bool has_schema = parameters != nullptr && parameters->is_object();
  json::object schema = has_schema ? parameters->get_object() : json::object();
  if (!schema.contains("type")) schema["type"] = "object";
  if (!schema.contains("properties")) schema["properties"] = json::object();
  function["parameters"] = std::move(schema);
  tools_.push_back({std::move(name), std::move(tool), std::move(function)});
}

void OfferedTools::add_custom(ClientTool tool, std::string_view description, const json::value* format) {
  tool.is_custom = true;
  std::string text(description);
  if (const std::string rules = described_format(format); !rules.empty()) {
    if (!text.empty()) text += "\n\n";
    text += rules;
  }
  const json::value parameters{{"type", "object"},
                               {"properties", {{kInput, {{"type", "string"}, {"description", "The input, as text."}}}}},
                               {"required", json::array{kInput}}};
  add(std::move(tool), text, &parameters);
}

bool OfferedTools::has(std::string_view client_name) const {
  return std::any_of(tools_.begin(), tools_.end(), [&](const Tool& tool) { return tool.client.name == client_name; });
}

void OfferedTools::keep(const std::vector<std::string>& client_names) {
  const auto is_other = [&](const Tool& tool) {
    return std::find(client_names.begin(), client_names.end(), tool.client.name) == client_names.end();
  };
  tools_.erase(std::remove_if(tools_.begin(), tools_.end(), is_other), tools_.end());
}

json::array OfferedTools::definitions() const {
  json::array all;
  for (const Tool& tool : tools_) all.push_back({{"type", "function"}, {"function", tool.function}});
  return all;
}

// Models leave a namespace out, or write it in another way: they are known by these names as well.
std::shared_ptr<const ToolTypes> OfferedTools::types() const {
  ToolTypes types;
  for (const Tool& tool : tools_) types.add(tool.name, tool.function.at("parameters"));
  for (const Tool& tool : tools_) {
    const ClientTool& client = tool.client;
    if (client.space.empty()) continue;
    for (const std::string& name : {client.name, client.space + '.' + client.name}) {
      if (!types.knows(name)) types.add(name, tool.function.at("parameters"));
    }
  }
  return std::make_shared<const ToolTypes>(std::move(types));
}

ClientTool OfferedTools::find(std::string_view called) const {
  for (const Tool& tool : tools_) {
    if (tool.name == called) return tool.client;
  }
  const Tool* found = nullptr;
  for (const Tool& tool : tools_) {
    const ClientTool& client = tool.client;
    if (client.name != called && client.space + '.' + client.name != called) continue;
    if (found != nullptr) return {std::string(called)};
    found = &tool;
  }
  return found != nullptr ? found->client : ClientTool{std::string(called)};
}

}  // namespace hearth
