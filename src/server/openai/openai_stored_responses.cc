// What the Responses API remembers, as clients ask for it: /v1/responses/{id} and /v1/conversations.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "server/from_body.h"
#include "server/http/json_reply.h"
#include "server/openai/openai_handlers.h"
#include "server/openai/remembered_input.h"

namespace hearth {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;

HttpError not_found(std::string message, std::string_view code) {
  return HttpError({.status = 404,
                    .message = std::move(message),
                    .type = "invalid_request_error",
                    .code = std::string(code),
                    .param = {},
                    .headers = {}});
}

std::string id_of(const Exchange& exchange) {
  return exchange.request().path_arguments.at(0);
}

HttpError no_response(const Exchange& exchange) {
  return not_found(fmt::format("Response with id '{}' not found.", id_of(exchange)), "response_not_found");
}

HttpError no_conversation(const Exchange& exchange) {
  return not_found(fmt::format("Conversation with id '{}' not found.", id_of(exchange)), "conversation_not_found");
}

// A value of the query, as it was sent; empty: it was not.
std::string_view argument(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const std::string_view part = query.substr(0, query.find('&'));
    if (part.starts_with(name) && part.substr(name.size()).starts_with('=')) return part.substr(name.size() + 1);
    query.remove_prefix(std::min(part.size() + 1, query.size()));
  }
  return {};
}

std::string item_id(const json::value& item) {
  const json::object* object = item.if_object();
  const json::value* id = object != nullptr ? object->if_contains("id") : nullptr;
  return id != nullptr && id->is_string() ? std::string(id->get_string()) : std::string();
}

// A page of a list: the newest first, unless the query says otherwise.
json::object page_of(json::array items, std::string_view query) {
  if (argument(query, "order") != "asc") std::reverse(items.begin(), items.end());
  std::size_t begin = 0;
  if (const std::string_view after = argument(query, "after"); !after.empty()) {
    const auto found =
        std::find_if(items.begin(), items.end(), [&](const json::value& item) { return item_id(item) == after; });
    begin = found == items.end() ? 0 : static_cast<std::size_t>(found - items.begin()) + 1;
  }
  constexpr std::size_t kDefault = 20, kMost = 100;
  std::size_t limit = 0;
  for (const char c : argument(query, "limit").substr(0, 6)) {
    if (c >= '0' && c <= '9') limit = limit * 10 + static_cast<std::size_t>(c - '0');
  }
  limit = std::clamp<std::size_t>(limit == 0 ? kDefault : limit, 1, kMost);
  const std::size_t end = std::min(items.size(), begin + limit);
  const bool has_more = end < items.size();
  const json::array page(items.begin() + static_cast<std::ptrdiff_t>(begin),
                         items.begin() + static_cast<std::ptrdiff_t>(end));
  return {{"object", "list"},
          {"data", page},
          {"first_id", page.empty() ? json::value() : json::value(item_id(page.front()))},
          {"last_id", page.empty() ? json::value() : json::value(item_id(page.back()))},
          {"has_more", has_more}};
}

json::object shown(const json::object& conversation) {
  return {{"id", conversation.at("id")},
          {"object", "conversation"},
          {"created_at", conversation.at("created_at")},
          {"metadata", conversation.at("metadata")}};
}

// Computes an answer where it keeps nobody waiting: a file may be slow.
template <typename Make>
asio::awaitable<void> answer_with(Exchange& exchange, ModelService& service, Make make) {
  std::optional<json::value> answer;
  std::function<void()> work = [&] { answer.emplace(make()); };
  co_await service.run_in_pool(std::move(work));
  co_await reply_json(exchange, std::move(*answer));
}

json::array new_items(const Fields& fields, const std::string& name) {
  const json::array* items = fields.array("items");
  return items != nullptr ? identified(*items, name) : json::array();
}

}  // namespace

asio::awaitable<void> show_response(Exchange& exchange, ModelService& service) {
  auto make = [&]() -> json::value {
    const auto stored = service.responses().find(id_of(exchange));
    if (!stored) throw no_response(exchange);
    return stored->response;
  };
  co_await answer_with(exchange, service, std::move(make));
}

asio::awaitable<void> delete_response(Exchange& exchange, ModelService& service) {
  auto make = [&]() -> json::value {
    const std::string id = id_of(exchange);
    if (!service.responses().find(id) || !service.responses().erase(id)) throw no_response(exchange);
    return json::object{{"id", id}, {"object", "response"}, {"deleted", true}};
  };
  co_await answer_with(exchange, service, std::move(make));
}

asio::awaitable<void> list_response_input(Exchange& exchange, ModelService& service) {
  auto make = [&]() -> json::value {
    auto items = service.responses().items(id_of(exchange), false);
    if (!items) throw no_response(exchange);
    return page_of(std::move(*items), exchange.request().query);
  };
  co_await answer_with(exchange, service, std::move(make));
}

asio::awaitable<void> cancel_response(Exchange& exchange, ModelService& service) {
  auto make = [&]() -> json::value {
    if (!service.responses().find(id_of(exchange))) throw no_response(exchange);
    throw bad_request("only a response that was made in the background can be cancelled, and there are none");
  };
  co_await answer_with(exchange, service, std::move(make));
}

asio::awaitable<void> compact_response(Exchange&, ModelService&) {
  throw not_found("this server does not compact conversations; send a shorter one", "not_supported");
  co_return;
}

asio::awaitable<void> create_conversation(Exchange& exchange, ModelService& service) {
  const std::string id = "conv_" + exchange.id();
  auto make = [&](const json::object& body) {
    const Fields fields(body);
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    const json::value* metadata = fields.find("metadata");
    json::object conversation{{"id", id},
                              {"created_at", std::chrono::duration_cast<std::chrono::seconds>(now).count()},
                              {"metadata", metadata != nullptr ? *metadata : json::object()},
                              {"items", new_items(fields, "in_" + exchange.id())}};
    service.responses().put_conversation(conversation);
    return json::value(shown(conversation));
  };
  json::value answer = co_await from_body(exchange, service, make);
  co_await reply_json(exchange, std::move(answer));
}

asio::awaitable<void> show_conversation(Exchange& exchange, ModelService& service) {
  auto make = [&]() -> json::value {
    const auto conversation = service.responses().conversation(id_of(exchange));
    if (!conversation) throw no_conversation(exchange);
    return shown(*conversation);
  };
  co_await answer_with(exchange, service, std::move(make));
}

asio::awaitable<void> delete_conversation(Exchange& exchange, ModelService& service) {
  auto make = [&]() -> json::value {
    const std::string id = id_of(exchange);
    if (!service.responses().conversation(id) || !service.responses().erase(id)) throw no_conversation(exchange);
    return json::object{{"id", id}, {"object", "conversation.deleted"}, {"deleted", true}};
  };
  co_await answer_with(exchange, service, std::move(make));
}

asio::awaitable<void> list_conversation_items(Exchange& exchange, ModelService& service) {
  auto make = [&]() -> json::value {
    const auto conversation = service.responses().conversation(id_of(exchange));
    if (!conversation) throw no_conversation(exchange);
    return page_of(conversation->at("items").as_array(), exchange.request().query);
  };
  co_await answer_with(exchange, service, std::move(make));
}

asio::awaitable<void> add_conversation_items(Exchange& exchange, ModelService& service) {
  auto make = [&](const json::object& body) {
    const json::array items = new_items(Fields(body), "in_" + exchange.id());
    if (!service.responses().append(id_of(exchange), items)) throw no_conversation(exchange);
    return json::value(page_of(items, "order=asc&limit=100"));
  };
  json::value answer = co_await from_body(exchange, service, make);
  co_await reply_json(exchange, std::move(answer));
}

}  // namespace hearth
