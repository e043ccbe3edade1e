// Anthropic's Messages API over the model that is served.
#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <optional>
#include <utility>

#include "server/anthropic/anthropic_answer.h"
#include "server/anthropic/anthropic_request.h"
#include "server/anthropic/anthropic_routes.h"
#include "server/from_body.h"
#include "server/generation_failure.h"
#include "server/http/json_reply.h"
#include "server/prefill.h"

namespace hearth {
namespace {

namespace asio = boost::asio;

constexpr std::string_view kApi = "/v1/messages";

HttpHeaders answer_headers(const Exchange& exchange) {
  return {{"request-id", exchange.id()}};
}

std::vector<TokenId> encode(const ModelService& service, AnthropicConversation conversation) {
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

asio::awaitable<void> answer_streaming(Exchange& exchange, const ModelService& service, GenerationStream& stream) {
  HttpHeaders headers = answer_headers(exchange);
  co_await exchange.begin_stream("text/event-stream; charset=utf-8", std::move(headers));
  std::string events = anthropic_start_events(stream.id(), service.model().name, stream.prompt_tokens());
  co_await exchange.write(std::move(events));
  bool ended = false;
  while (!ended) {
    std::string piece;
    const bool is_something_there = co_await stream.wait_for(service.keepalive());
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
  struct Made {
    bool stream;
    PreparedRequest generation;
  };
  auto make = [&](const boost::json::object& body) {
    AnthropicRequest request = parse_anthropic_request(body, service.sampling_defaults());
    Request generation = std::move(request.generation);
    generation.id = fmt::format("msg_{}", exchange.id());
    generation.prompt = encode(service, std::move(request.conversation));
    return Made{request.stream, service.prepare(std::move(generation), kApi)};
  };
  Made made = co_await from_body(exchange, service, make);
  const std::unique_ptr<GenerationStream> stream = service.start(std::move(made.generation), kApi);
  if (made.stream) {
    co_await answer_streaming(exchange, service, *stream);
  } else {
    co_await answer_whole(exchange, service, *stream);
  }
}

asio::awaitable<void> count_tokens(Exchange& exchange, ModelService& service) {
  service.engine();
  auto make = [&](const boost::json::object& body) { return encode(service, parse_anthropic_count(body)).size(); };
  const std::size_t count = co_await from_body(exchange, service, make);
  boost::json::object answer;
  answer["input_tokens"] = count;
  HttpHeaders headers = answer_headers(exchange);
  co_await reply_json(exchange, std::move(answer), 200, std::string(kJsonContentType), std::move(headers));
}

// "messages[0].content" as this API writes it: messages.0.content.
std::string dotted(std::string_view path) {
  std::string text;
  for (const char c : path) {
    if (c == '[') {
      text += '.';
    } else if (c != ']') {
      text += c;
    }
  }
  return text;
}

// In this API's way: paths with dots, in which clients look for what they may leave out.
void use_dotted_paths(Router::Failure& failure) {
  const std::string path = dotted(failure.param);
  if (path == failure.param) return;
  for (std::size_t at = 0; (at = failure.message.find(failure.param, at)) != std::string::npos; at += path.size()) {
    failure.message.replace(at, failure.param.size(), path);
  }
  failure.param = path;
}

// The API's own header for the exchange's name, in errors too; and their body has it (anthropic_error_body()).
asio::awaitable<void> with_request_id(Exchange& exchange, asio::awaitable<void> answer) {
  try {
    co_await std::move(answer);
  } catch (const HttpError& error) {
    Router::Failure failure = error.failure();
    use_dotted_paths(failure);
    failure.headers.emplace_back("request-id", exchange.id());
    throw HttpError(std::move(failure));
  }
}

}  // namespace

void add_anthropic_routes(Router& router, ModelService& service) {
  for (const std::string_view pattern : {"/v1/messages", "/messages"}) {
    router.add("POST", pattern, anthropic_error_body,
               [&service](Exchange& exchange) { return with_request_id(exchange, create_message(exchange, service)); });
  }
  for (const std::string_view pattern : {"/v1/messages/count_tokens", "/messages/count_tokens"}) {
    router.add("POST", pattern, anthropic_error_body,
               [&service](Exchange& exchange) { return with_request_id(exchange, count_tokens(exchange, service)); });
  }
}

}  // namespace hearth
