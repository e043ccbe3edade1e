// OpenAI's endpoints: their routes, the list of models, and how errors are told.
#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <utility>

#include "base/json_value.h"
#include "server/fields.h"
#include "server/http/json_reply.h"
#include "server/openai/openai_handlers.h"
#include "server/openai/openai_routes.h"

namespace hearth {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;

json::object model_object(const ServedModel& model, std::string_view name) {
  return {{"id", name},
          {"object", "model"},
          {"created", model.created},
          {"owned_by", "hearth"},
          {"context_length", model.context},
          {"max_model_len", model.context},
          {"modalities", json::array{"text"}},
          {"meta",
           {{"architecture", model.architecture},
            {"format", model.format},
            {"n_params", model.parameter_count},
            {"size", model.file_bytes},
            {"n_ctx_train", model.context_model},
            {"n_embd", model.width},
            {"n_vocab", model.vocabulary},
            {"hash", model.hash}}}};
}

asio::awaitable<void> list_models(Exchange& exchange, ModelService& service) {
  json::object list = {{"object", "list"}};
  json::array& models = list["data"].emplace_array();
  for (const std::string& name : service.model().names()) models.push_back(model_object(service.model(), name));
  return reply_json(exchange, std::move(list));
}

asio::awaitable<void> show_model(Exchange& exchange, ModelService& service) {
  const ServedModel& model = service.model();
  const std::string& name = exchange.request().path_arguments.at(0);
  if (!model.is_called(name)) {
    throw HttpError({.status = 404,
                     .message = fmt::format("the model '{}' does not exist; this server has '{}'", name, model.name),
                     .type = "invalid_request_error",
                     .code = "model_not_found",
                     .param = "model",
                     .headers = {}});
  }
  return reply_json(exchange, model_object(model, name));
}

struct Told {
  std::string_view type, code;
};

Told told_by_status(unsigned status) {
  switch (status) {
    case 401:
      return {"invalid_request_error", "invalid_api_key"};
    case 403:
      return {"permission_error", ""};
    case 408:
    case 504:
      return {"timeout_error", "timeout"};
    case 429:
      return {"rate_limit_error", "rate_limit_exceeded"};
    case 503:
      return {"service_unavailable_error", "service_unavailable"};
    default:
      return status >= 500 ? Told{"server_error", "server_error"} : Told{"invalid_request_error", ""};
  }
}

json::value text_or_null(std::string_view text) {
  return text.empty() ? json::value() : json::value(text);
}

}  // namespace

std::string openai_error_body(const Router::Failure& failure) {
  const Told told = told_by_status(failure.status);
  const std::string_view type = failure.type.empty() ? told.type : failure.type;
  const std::string_view code = failure.code.empty() ? told.code : failure.code;
  return serialized_json(json::object{{"error",
                                       {{"message", failure.message},
                                        {"type", type},
                                        {"param", text_or_null(failure.param)},
                                        {"code", text_or_null(code)}}}});
}

void add_openai_routes(Router& router, ModelService& service) {
  struct Route {
    std::string_view method, pattern;
    asio::awaitable<void> (*answer)(Exchange&, ModelService&);
  };
  constexpr Route kRoutes[] = {
      {"POST", "/v1/chat/completions", answer_chat_completion},
      {"POST", "/v1/completions", answer_completion},
      {"POST", "/v1/responses", answer_response},
      {"POST", "/v1/responses/input_tokens", count_response_input},
      {"POST", "/v1/responses/compact", compact_response},
      {"GET", "/v1/responses/{id}", show_response},
      {"DELETE", "/v1/responses/{id}", delete_response},
      {"GET", "/v1/responses/{id}/input_items", list_response_input},
      {"POST", "/v1/responses/{id}/cancel", cancel_response},
      {"POST", "/v1/conversations", create_conversation},
      {"GET", "/v1/conversations/{id}", show_conversation},
      {"DELETE", "/v1/conversations/{id}", delete_conversation},
      {"GET", "/v1/conversations/{id}/items", list_conversation_items},
      {"POST", "/v1/conversations/{id}/items", add_conversation_items},
      {"POST", "/v1/embeddings", answer_embeddings},
      {"POST", "/v1/rerank", answer_rerank},
      {"POST", "/v1/reranking", answer_rerank},
      {"GET", "/v1/models", list_models},
      {"GET", "/v1/models/{id*}", show_model},
  };
  // Base URLs are given with and without the version.
  constexpr std::string_view kVersion = "/v1";
  for (const Route& route : kRoutes) {
    for (const std::string_view pattern : {route.pattern, route.pattern.substr(kVersion.size())}) {
      router.add(route.method, pattern, openai_error_body,
                 [&service, answer = route.answer](Exchange& exchange) { return answer(exchange, service); });
    }
  }
  router.add("POST", "/v2/rerank", openai_error_body,
             [&service](Exchange& exchange) { return answer_rerank(exchange, service); });
}

}  // namespace hearth
