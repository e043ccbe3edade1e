#include "text/templates/conversation.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json_value.h"
#include "text/jinja/text.h"

namespace hearth {
namespace {

namespace json = boost::json;

constexpr std::string_view kParagraph = "\n\n";
constexpr std::size_t kArgumentsDepthMax = 32;  // as Boost.JSON has it by default

std::string_view role_of(const json::object& message) {
  const json::value* role = message.if_contains("role");
  return role != nullptr && role->is_string() ? std::string_view(role->get_string()) : std::string_view();
}

json::array* list_in(json::object& message, std::string_view name) {
  json::value* list = message.if_contains(name);
  return list != nullptr ? list->if_array() : nullptr;
}

bool is_text_part(const json::value& part) {
  const json::object* object = part.if_object();
  const json::value* type = object != nullptr ? object->if_contains("type") : nullptr;
  const json::value* text = object != nullptr ? object->if_contains("text") : nullptr;
  return type != nullptr && text != nullptr && text->is_string() && *type == "text";
}

json::object text_part(std::string_view text) {
  return {{"type", "text"}, {"text", text}};
}

json::object cleaned(const json::object& message) {
  json::object result;
  for (const auto& [name, value] : message) {
    if (value.is_null() && name != "content") continue;
    if (name == "tool_calls" && value.is_array() && value.get_array().empty()) continue;
    result.emplace(name, value);
  }
  if (role_of(result) == "developer") result["role"] = "system";
  return result;
}

bool has_text(const json::object& message) {
  const json::value* content = message.if_contains("content");
  if (content == nullptr || content->is_null()) return false;
  if (content->is_string()) return !content->get_string().empty();
  return !content->is_array() || !content->get_array().empty();
}

bool same_field(const json::object& left, const json::object& right, std::string_view name) {
  const json::value* a = left.if_contains(name);
  const json::value* b = right.if_contains(name);
  return a == nullptr || b == nullptr ? a == b : *a == *b;
}

bool can_join(const json::object& first, const json::object& second) {
  const std::string_view role = role_of(first);
  if (role.empty() || role == "tool" || role != role_of(second)) return false;
  if (!same_field(first, second, "name")) return false;
  // Text after calls would stand before them.
  return !first.contains("tool_calls") || !has_text(second);
}

json::array parts_of(const json::value& content) {
  if (content.is_array()) return content.get_array();
  return content.is_string() && !content.get_string().empty() ? json::array{text_part(content.get_string())}
                                                              : json::array();
}

void join_texts(json::value& text, const json::value& more) {
  if (text.is_string() && more.is_string()) {
    json::string& joined = text.get_string();
    if (!joined.empty() && !more.get_string().empty()) joined += kParagraph;
    joined += more.get_string();
    return;
  }
  json::array parts = parts_of(text);
  const json::array added = parts_of(more);
  if (!parts.empty() && !added.empty() && is_text_part(parts.back())) {
    parts.back().get_object()["text"].get_string() += '\n';  // a line's end more when they become one string
  }
  parts.insert(parts.end(), added.begin(), added.end());
  text = std::move(parts);
}

void join(json::object& message, json::object more) {
  for (auto& [name, value] : more) {
    if (name == "role" || name == "name") continue;
    json::value* own = message.if_contains(name);
    if (own == nullptr || own->is_null()) {
      message[name] = std::move(value);
    } else if (name == "content" || (own->is_string() && value.is_string() && name == "reasoning_content")) {
      join_texts(*own, value);
    } else if (own->is_array() && value.is_array()) {
      own->get_array().insert(own->get_array().end(), value.get_array().begin(), value.get_array().end());
    }
  }
}

ContentForm form_for(std::string_view role, const TemplateAbilities& abilities) {
  if (role == "system") return abilities.system;
  if (role == "assistant") return abilities.assistant;
  return role == "tool" ? abilities.tool : abilities.user;
}

void shape_content(json::object& message, ContentForm form) {
  json::value* content = message.if_contains("content");
  if (content == nullptr) return;
  if (form == ContentForm::kParts) {
    if (content->is_string()) *content = json::array{text_part(content->get_string())};
    return;
  }
  const json::array* parts = content->if_array();
  if (parts == nullptr || !std::all_of(parts->begin(), parts->end(), is_text_part)) return;
  std::string text;
  for (std::size_t i = 0; i < parts->size(); ++i) {
    if (i > 0) text += '\n';
    text += std::string_view((*parts)[i].at("text").get_string());
  }
  *content = text;
}

// Arguments of a call that are an object, or JSON of one in a string, in the form that is wanted.
void shape_arguments(json::object& message, bool as_object) {
  json::array* calls = list_in(message, "tool_calls");
  if (calls == nullptr) return;
  for (json::value& call : *calls) {
    json::value* function = call.is_object() ? call.get_object().if_contains("function") : nullptr;
    json::value* arguments =
        function != nullptr && function->is_object() ? function->get_object().if_contains("arguments") : nullptr;
    if (arguments == nullptr) continue;
    if (!as_object && arguments->is_object()) {
      *arguments = jinja::to_json(jinja::from_json(*arguments), {});
    }
    if (as_object && arguments->is_string()) *arguments = call_arguments(arguments->get_string());
  }
}

json::array adapted(const json::array& given, const TemplateAbilities& abilities) {
  std::vector<json::object> messages;
  bool begins = true;  // nothing but system messages so far
  for (const json::value& entry : given) {
    json::object message = cleaned(entry.get_object());
    const bool is_system = role_of(message) == "system";
    begins = begins && is_system;
    if (is_system && !(begins ? abilities.takes_system : abilities.takes_later_system)) message["role"] = "user";
    if (!messages.empty() && can_join(messages.back(), message)) {
      join(messages.back(), std::move(message));
    } else {
      messages.push_back(std::move(message));
    }
  }
  json::array result;
  for (json::object& message : messages) {
    shape_content(message, form_for(role_of(message), abilities));
    shape_arguments(message, abilities.takes_argument_objects);
    result.push_back(std::move(message));
  }
  return result;
}

}  // namespace

json::value call_arguments(std::string_view text) {
  ParsedJson parsed = parse_json(text, kArgumentsDepthMax, BigIntegers::kKeepDigits);
  return !parsed.error && parsed.value.is_object() ? std::move(parsed.value) : json::value(text);
}

json::object adapted_conversation(json::object context, const TemplateAbilities& abilities) {
  json::array* messages = list_in(context, "messages");
  if (messages == nullptr) return context;
  const bool all_objects =
      std::all_of(messages->begin(), messages->end(), [](const json::value& entry) { return entry.is_object(); });
  if (all_objects) *messages = adapted(*messages, abilities);
  return context;
}

}  // namespace hearth
