// Anthropic's Messages API over the model that is served.
#include <fmt/format.h>

#include <string>
#include <utility>

#include "server/answer_flow.h"
#include "server/anthropic/anthropic_answer.h"
#include "server/anthropic/anthropic_request.h"
#include "server/anthropic/anthropic_routes.h"
#include "server/conversation_prompt.h"
#include "server/from_body.h"
#include "server/generation_failure.h"
#include "server/http/json_reply.h"

namespace hearth {
namespace {

namespace asio = boost::asio;

constexpr std::string_view kApi = "/v1/messages";

HttpHeaders answer_headers(const Exchange& exchange) {
  return {{"request-id", exchange.id()}};
}

asio::awaitable<void> answer_whole(Exchange& exchange, AnswerFlow& stream, const AnthropicHead& head) {
  const WholeAnswer whole = co_await read_whole(stream, true);
  if (const auto failure = generation_failure(whole.end)) throw HttpError(*failure);
  std::string body = anthropic_message(head, whole.parts, whole.end);
  HttpHeaders headers = answer_headers(exchange);
  co_await exchange.reply(200, std::move(body), std::string(kJsonContentType), std::move(headers));
}

std::string events_of(const Exchange& exchange, const AnswerProgress& progress, AnthropicEvents& events) {
  std::string text;
  for (const AnswerPiece& piece : progress.pieces) text += events.piece(piece);
  if (!progress.end) return text;
  auto failure = generation_failure(*progress.end);
  if (!failure) return text + events.end(*progress.end);
  failure->headers = answer_headers(exchange);
  return text + anthropic_error_event(anthropic_error_body(*failure));
}

asio::awaitable<void> answer_flowing(Exchange& exchange, const ModelService& service, AnswerFlow& stream,
                                     const AnthropicHead& head) {
  HttpHeaders headers = answer_headers(exchange);
  co_await exchange.begin_stream("text/event-stream; charset=utf-8", std::move(headers));
  AnthropicEvents events(head);
  std::string start = events.start(stream.generation().prompt_tokens());
  co_await exchange.write(std::move(start));
  Silence silence(service.keepalive());
  bool ended = false;
  while (!ended) {
    std::string text;
    const bool is_something_there = co_await stream.wait_for(silence.left());
    if (is_something_there) {
      const AnswerProgress progress = co_await stream.next();
      ended = progress.end.has_value();
      text = events_of(exchange, progress, events);
    }
    if (text.empty() && silence.is_too_long()) text = anthropic_ping_event();
    if (text.empty()) continue;
    silence.end();
    co_await exchange.write(std::move(text));
  }
  co_await exchange.end_stream();
}

asio::awaitable<void> create_message(Exchange& exchange, ModelService& service) {
  service.engine();  // before anything else: while the model is loading, nothing is right or wrong
  struct Made {
    bool stream;
    AnthropicHead head;
    AnswerReading reading;
    PreparedRequest generation;
  };
  auto make = [&](const boost::json::object& body) {
    AnthropicRequest request = parse_anthropic_request(body, service.sampling_defaults());
    AnthropicConversation& conversation = request.conversation;
    ConversationPrompt prompt = encode_conversation(service, std::move(conversation.context),
                                                    std::move(conversation.tools), conversation.prefill);
    Request generation = std::move(request.generation);
    generation.id = fmt::format("msg_{}", exchange.id());
    prompt.put_into(generation);
    AnthropicHead head{.id = generation.id,
                       .model = service.model().name,
                       .shows_thoughts = conversation.thinks,
                       .is_text = prompt.reading.syntax == nullptr};
    return Made{request.stream, std::move(head), std::move(prompt.reading),
                service.prepare(std::move(generation), kApi)};
  };
  Made made = co_await from_body(exchange, service, make);
  AnswerFlow stream(service.start(std::move(made.generation), kApi), std::move(made.reading));
  if (made.stream) {
    co_await answer_flowing(exchange, service, stream, made.head);
  } else {
    co_await answer_whole(exchange, stream, made.head);
  }
}

asio::awaitable<void> count_tokens(Exchange& exchange, ModelService& service) {
  service.engine();
  auto make = [&](const boost::json::object& body) {
    AnthropicConversation conversation = parse_anthropic_count(body);
    return encode_conversation(service, std::move(conversation.context), std::move(conversation.tools),
                               conversation.prefill)
        .tokens.size();
  };
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
