// Anthropic's Messages API over the model that is served.
#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <optional>
#include <utility>

#include "server/anthropic/anthropic_answer.h"
#include "server/anthropic/anthropic_request.h"
#include "server/anthropic/anthropic_routes.h"
#include "server/fields.h"
#include "server/generation_failure.h"
#include "server/http/json_reply.h"
#include "server/prefill.h"

namespace hearth {
namespace {

namespace asio = boost::asio;

// While a long prompt is read nothing else is sent, and clients and proxies give up on silent connections.
constexpr std::chrono::milliseconds kPingInterval{5000};

HttpHeaders answer_headers(const Exchange& exchange) {
  return {{"request-id", exchange.id()}};
}

void check_model(const ModelService& service, const std::string& name) {
  const std::string& served = service.model().name;
  if (name == served) return;
  Router::Failure failure;
  failure.status = 404;
  failure.message = fmt::format("model: '{}' was not found; this server has '{}'", name, served);
  throw HttpError(std::move(failure));
}

std::vector<TokenId> encode(const ModelService& service, AnthropicConversation conversation) {
  check_model(service, conversation.model);
  return encode_prefilled_chat(service, std::move(conversation.context), conversation.prefill);
}

// What is there to read: text, and the end if it is among it.
struct Progress {
  std::string text;
  std::optional<GenerationEnd> end;
};

asio::awaitable<Progress> read_some(GenerationStream& stream) {
  Progress progress;
  do {
    GenerationStream::Event event = co_await stream.next();
    if (const auto* token = std::get_if<GeneratedToken>(&event)) {
      progress.text += token->text;
    } else {
      progress.end = std::get<GenerationEnd>(std::move(event));
      progress.text += progress.end->text;
    }
  } while (!progress.end && stream.has_more());
  co_return progress;
}

asio::awaitable<void> answer_whole(Exchange& exchange, const ModelService& service, GenerationStream& stream) {
  std::string text;
  Progress progress;
  while (!progress.end) {
    progress = co_await read_some(stream);
    text += progress.text;
  }
  if (const auto failure = generation_failure(*progress.end)) throw HttpError(*failure);
  std::string body = anthropic_message(stream.id(), service.model().name, text, *progress.end);
  HttpHeaders headers = answer_headers(exchange);
  co_await exchange.reply(200, std::move(body), std::string(kJsonContentType), std::move(headers));
}

std::string end_events(const Exchange& exchange, const GenerationEnd& end) {
  auto failure = generation_failure(end);
  if (!failure) return anthropic_end_events(end);
  failure->headers = answer_headers(exchange);
  return anthropic_error_event(anthropic_error_body(*failure));
}

asio::awaitable<void> answer_streaming(Exchange& exchange, const ModelService& service, GenerationStream& stream,
                                       std::int64_t prompt_tokens) {
  HttpHeaders headers = answer_headers(exchange);
  co_await exchange.begin_stream("text/event-stream; charset=utf-8", std::move(headers));
  std::string events = anthropic_start_events(stream.id(), service.model().name, prompt_tokens);
  co_await exchange.write(std::move(events));
  bool ended = false;
  while (!ended) {
    std::string piece;
    const bool is_something_there = co_await stream.wait_for(kPingInterval);
    if (is_something_there) {
      const Progress progress = co_await read_some(stream);
      if (!progress.text.empty()) piece = anthropic_text_event(progress.text);
      if (progress.end) piece += end_events(exchange, *progress.end);
      ended = progress.end.has_value();
    } else {
      piece = anthropic_ping_event();
    }
    if (!piece.empty()) co_await exchange.write(std::move(piece));
  }
  co_await exchange.end_stream();
}

asio::awaitable<void> create_message(Exchange& exchange, ModelService& service) {
  service.engine();  // before anything else: while the model is loading, nothing is right or wrong
  const boost::json::object body = parse_body(exchange.request());
  AnthropicRequest request = parse_anthropic_request(body, service.sampling_defaults());
  Request generation = std::move(request.generation);
  generation.id = fmt::format("msg_{}", exchange.id());
  generation.prompt = encode(service, std::move(request.conversation));
  const std::int64_t prompt_tokens = std::ssize(generation.prompt);
  const std::unique_ptr<GenerationStream> stream = service.start(std::move(generation), "/v1/messages");
  if (request.stream) {
    co_await answer_streaming(exchange, service, *stream, prompt_tokens);
  } else {
    co_await answer_whole(exchange, service, *stream);
  }
}

asio::awaitable<void> count_tokens(Exchange& exchange, ModelService& service) {
  service.engine();
  const boost::json::object body = parse_body(exchange.request());
  AnthropicConversation conversation = parse_anthropic_count(body);
  const std::vector<TokenId> prompt = encode(service, std::move(conversation));
  boost::json::object answer;
  answer["input_tokens"] = prompt.size();
  HttpHeaders headers = answer_headers(exchange);
  co_await reply_json(exchange, std::move(answer), 200, std::string(kJsonContentType), std::move(headers));
}

// The API's own header for the exchange's name, in errors too; and their body has it (anthropic_error_body()).
asio::awaitable<void> with_request_id(Exchange& exchange, asio::awaitable<void> answer) {
  try {
    co_await std::move(answer);
  } catch (const HttpError& error) {
    Router::Failure failure = error.failure();
    failure.headers.emplace_back("request-id", exchange.id());
    throw HttpError(std::move(failure));
  }
}

}  // namespace

void add_anthropic_routes(Router& router, ModelService& service) {
  router.add("POST", "/v1/messages", anthropic_error_body,
             [&service](Exchange& exchange) { return with_request_id(exchange, create_message(exchange, service)); });
  router.add("POST", "/v1/messages/count_tokens", anthropic_error_body,
             [&service](Exchange& exchange) { return with_request_id(exchange, count_tokens(exchange, service)); });
}

}  // namespace hearth
