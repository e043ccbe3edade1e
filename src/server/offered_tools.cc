#include "server/offered_tools.h"

#include <algorithm>
#include <boost/json/object.hpp>
#include <utility>

#include "grammar/schema_options.h"

namespace hearth {

namespace json = boost::json;

namespace {

constexpr std::string_view kInput = "input";

// What a tool's text must look like: a regular expression, or a Lark grammar.
struct InputFormat {
  bool is_regex = false;
  std::string definition;  // empty: anything
};

InputFormat input_format(const json::value* format) {
  const json::object* object = format != nullptr ? format->if_object() : nullptr;
  const json::value* grammar = object != nullptr ? object->if_contains("grammar") : nullptr;
  if (grammar != nullptr && grammar->is_object()) object = &grammar->get_object();  // as chat completions nest it
  const json::value* definition = object != nullptr ? object->if_contains("definition") : nullptr;
  if (definition == nullptr || !definition->is_string()) return {};
  const json::value* syntax = object->if_contains("syntax");
  return {syntax != nullptr && *syntax == "regex", std::string(definition->get_string())};
}

// The words by which a model learns of it.
std::string described_format(const json::value* format) {
  const InputFormat input = input_format(format);
  if (input.definition.empty()) return {};
  return (input.is_regex ? "The input matches this regular expression:\n" : "The input follows this Lark grammar:\n") +
         input.definition;
}

// The schema of a function whose one text is such an input.
json::value bound_parameters(json::value parameters, const json::value* format) {
  const InputFormat input = input_format(format);
  json::object& schema = parameters.as_object();
  schema["additionalProperties"] = false;
  json::object& text = schema.at("properties").as_object().at(kInput).as_object();
  if (input.definition.empty()) return parameters;
  if (input.is_regex) {
    text["pattern"] = "^(?:" + input.definition + ")$";
  } else {
    text[kLarkKeyword] = input.definition;
  }
  return parameters;
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
  tools_.push_back({std::move(name), std::move(tool), std::move(function), nullptr});
}

void OfferedTools::add_custom(ClientTool tool, std::string_view description, const json::value* format) {
  tool.is_custom = true;
  std::string text(description);
  if (const std::string rules = described_format(format); !rules.empty()) {
    if (!text.empty()) text += "\n\n";
    text += rules;
  }
  const json::object input{{"type", "string"}, {"description", "The input, as text."}};
  const json::value parameters = json::object{
      {"type", "object"}, {"properties", json::object{{kInput, input}}}, {"required", json::array{kInput}}};
  const std::size_t count = tools_.size();
  add(std::move(tool), text, &parameters);
  if (tools_.size() > count) tools_.back().bound = bound_parameters(parameters, format);
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

std::vector<std::string> OfferedTools::names_of(const Tool& tool) const {
  std::vector<std::string> names{tool.name};
  const ClientTool& client = tool.client;
  if (client.space.empty()) return names;
  for (const std::string& name : {client.name, client.space + '.' + client.name}) {
    const auto means = [&](const Tool& other) { return other.name == name || other.client.name == name; };
    if (std::count_if(tools_.begin(), tools_.end(), means) <= 1 && name != tool.name) names.push_back(name);
  }
  return names;
}

std::vector<CallGrammarTool> OfferedTools::grammar_tools() const {
  std::vector<CallGrammarTool> all;
  for (const Tool& tool : tools_) {
    const json::value& own = tool.function.at("parameters");
    all.push_back({names_of(tool), tool.bound.is_null() ? own : tool.bound, tool.client.is_strict});
  }
  return all;
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
