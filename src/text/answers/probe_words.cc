#include "text/answers/probe_words.h"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <string>
#include <utility>

namespace hearth {
namespace {

namespace json = boost::json;

json::object text_properties(std::initializer_list<std::string_view> names) {
  json::object properties;
  for (const std::string_view name : names) {
    properties[name] = json::object{{"type", "string"}, {"description", "a text"}};
  }
  return properties;
}

json::object tool(std::string_view name, json::object properties) {
  json::array required;
  for (const auto& [key, schema] : properties) required.emplace_back(key);
  json::object parameters{{"type", "object"}, {"properties", std::move(properties)}, {"required", std::move(required)}};
  return {{"type", "function"},
          {"function", {{"name", name}, {"description", "a tool"}, {"parameters", std::move(parameters)}}}};
}

json::object call(int index, std::string_view name, json::object arguments, const CallForms& form) {
  const std::string id =
      form.has_named_ids ? fmt::format("functions.{}:{}", name, index) : fmt::format("probe{:04}", index + 1);
  json::value given = form.as_text ? json::value(json::serialize(arguments)) : json::value(std::move(arguments));
  return {{"id", id}, {"type", "function"}, {"function", {{"name", name}, {"arguments", std::move(given)}}}};
}

}  // namespace

json::array probe_tools(int call_count) {
  json::object first = text_properties({kFirstKey, kSecondKey});
  if (call_count == kTypedCall) first.at(kFirstKey).as_object()["type"] = "integer";
  return {tool(kFirstTool, std::move(first)), tool(kSecondTool, text_properties({kThirdKey}))};
}

json::array probe_calls(int count, const CallForms& form) {
  json::object arguments{{kFirstKey, kFirstValue}, {kSecondKey, kSecondValue}};
  if (count == kTypedCall) arguments[kFirstKey] = 60321;
  json::array calls{call(0, kFirstTool, std::move(arguments), form)};
  if (count > 1) calls.push_back(call(1, kSecondTool, {{kThirdKey, kThirdValue}}, form));
  return calls;
}

}  // namespace hearth
