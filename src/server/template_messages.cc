#include "server/template_messages.h"

#include <algorithm>
#include <utility>

#include "text/jinja/text.h"

namespace hearth {

namespace json = boost::json;

json::object template_call(std::string_view id, std::string_view name, json::value arguments) {
  json::object call;
  if (!id.empty()) call["id"] = id;
  call["type"] = "function";
  call["function"] = {{"name", name}, {"arguments", std::move(arguments)}};
  return call;
}

bool is_plain_data(const json::value& result) {
  if (result.is_null() || result.is_string()) return false;
  const json::array* list = result.if_array();
  if (list == nullptr) return true;
  return std::any_of(list->begin(), list->end(), [](const json::value& part) {
    const json::object* object = part.if_object();
    const json::value* type = object != nullptr ? object->if_contains("type") : nullptr;
    return type == nullptr || !type->is_string();
  });
}

std::string data_text(const json::value& data) {
  return jinja::to_json(jinja::from_json(data), {});
}

void TemplateMessages::add(json::object message) {
  if (!thought_.empty() && message["role"] == "assistant") message["reasoning_content"] = thought_;
  thought_.clear();
  messages_.push_back(std::move(message));
}

void TemplateMessages::add_thought(std::string_view text) {
  if (!thought_.empty() && !text.empty()) thought_ += '\n';
  thought_ += text;
}

void TemplateMessages::add_call(std::string_view id, std::string_view name, json::value arguments) {
  const bool is_new = messages_.empty() || messages_.back().at("role") != "assistant" || !thought_.empty();
  if (is_new) add({{"role", "assistant"}, {"content", ""}});
  json::object& message = messages_.back().get_object();
  json::value& calls = message["tool_calls"];
  if (!calls.is_array()) calls.emplace_array();
  calls.get_array().push_back(template_call(id, name, std::move(arguments)));
}

void TemplateMessages::add_result(std::string_view call_id, std::string_view text) {
  json::object message{{"role", "tool"}, {"content", text}};
  if (!call_id.empty()) message["tool_call_id"] = call_id;
  if (const std::string name = called_name(call_id); !name.empty()) message["name"] = name;
  add(std::move(message));
}

std::string TemplateMessages::called_name(std::string_view call_id) const {
  for (auto message = messages_.rbegin(); message != messages_.rend(); ++message) {
    const json::value* calls = message->get_object().if_contains("tool_calls");
    if (calls == nullptr || !calls->is_array()) continue;
    for (const json::value& call : calls->get_array()) {
      const json::value* id = call.get_object().if_contains("id");
      if (id == nullptr || !id->is_string() || id->get_string() != call_id) continue;
      return std::string(call.at("function").at("name").as_string());
    }
  }
  return {};
}

}  // namespace hearth
