#include "server/openai/remembered_input.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "server/fields.h"

namespace hearth {
namespace {

namespace json = boost::json;

HttpError not_found(std::string_view what, std::string_view id, std::string_view param, std::string_view code) {
  return HttpError({.status = 400,
                    .message = fmt::format("{} with id '{}' not found.", what, id),
                    .type = "invalid_request_error",
                    .code = std::string(code),
                    .param = std::string(param),
                    .headers = {}});
}

std::string conversation_of(const Fields& fields) {
  const json::value* value = fields.find("conversation");
  if (value == nullptr) return {};
  if (value->is_string()) return std::string(value->get_string());
  if (const auto object = fields.object("conversation")) return std::string(object->required_string("id"));
  return {};
}

// The items of the request itself.
json::array own_items(const Fields& fields, ResponseStore& store) {
  const json::value* input = fields.find("input");
  if (input == nullptr) return {};
  if (input->is_string()) {
    const json::object text{{"type", "input_text"}, {"text", input->get_string()}};
    return {json::object{{"type", "message"}, {"role", "user"}, {"content", json::array{text}}}};
  }
  if (!input->is_array()) return {};  // which is refused where it is read
  json::array items;
  for (const json::value& item : input->get_array()) {
    const json::object* object = item.if_object();
    const json::value* type = object != nullptr ? object->if_contains("type") : nullptr;
    if (type == nullptr || *type != "item_reference") {
      items.push_back(item);
      continue;
    }
    const json::value* id = object->if_contains("id");
    const std::string name(id != nullptr && id->is_string() ? std::string_view(id->get_string()) : "");
    const auto found = store.item(name);
    if (!found) throw not_found("Item", name, "input", "item_not_found");
    items.push_back(*found);
  }
  return items;
}

}  // namespace

json::array identified(const json::array& items, const std::string& name) {
  json::array all;
  for (const json::value& item : items) {
    json::value one = item;
    json::object* object = one.if_object();
    if (object != nullptr) {
      if (!object->contains("type")) (*object)["type"] = "message";
      if (!object->contains("id")) (*object)["id"] = fmt::format("{}_{}", name, all.size());
    }
    all.push_back(std::move(one));
  }
  return all;
}

RememberedInput remembered_input(const json::object& body, const std::string& response_id, ResponseStore& store) {
  const Fields fields(body);
  RememberedInput result;
  result.body = body;
  result.is_kept = fields.boolean("store").value_or(true);
  result.stored.previous = std::string(fields.string("previous_response_id").value_or(""));
  result.stored.conversation = conversation_of(fields);
  if (!result.stored.previous.empty() && !result.stored.conversation.empty()) {
    throw bad_request("'conversation' and 'previous_response_id' exclude each other", "conversation");
  }
  const json::array own = own_items(fields, store);
  json::array before;
  if (!result.stored.previous.empty()) {
    const auto items = store.items(result.stored.previous, true);
    if (!items) {
      throw not_found("Previous response", result.stored.previous, "previous_response_id",
                      "previous_response_not_found");
    }
    before = *items;
  } else if (!result.stored.conversation.empty()) {
    const auto conversation = store.conversation(result.stored.conversation);
    if (!conversation) {
      throw not_found("Conversation", result.stored.conversation, "conversation", "conversation_not_found");
    }
    before = conversation->at("items").as_array();
  }
  const bool has_list =
      fields.find("input") == nullptr || fields.find("input")->is_string() || fields.find("input")->is_array();
  const bool has_text_alone = before.empty() && fields.find("input") != nullptr && fields.find("input")->is_string();
  if (has_list && !has_text_alone && !(before.empty() && own.empty())) {
    json::array all = std::move(before);
    all.insert(all.end(), own.begin(), own.end());
    result.body["input"] = std::move(all);
  }
  result.stored.input = identified(own, "in_" + response_id.substr(response_id.find('_') + 1));
  return result;
}

}  // namespace hearth
