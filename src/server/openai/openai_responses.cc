// POST /v1/responses.
#include <chrono>
#include <string>
#include <utility>

#include "server/answer_flow.h"
#include "server/conversation_prompt.h"
#include "server/from_body.h"
#include "server/http/json_reply.h"
#include "server/openai/openai_handlers.h"
#include "server/openai/openai_responses_answer.h"

namespace hearth {
namespace {

namespace asio = boost::asio;

constexpr std::string_view kApi = "/v1/responses";

asio::awaitable<void> send_whole(Exchange& exchange, AnswerFlow& stream, ResponseFormat& format) {
  const WholeAnswer whole = co_await read_whole(stream, false);
  if (const auto failure = choice_failure(whole.end)) throw HttpError(*failure);
  boost::json::value answer = format.whole(whole.parts, whole.end);
  co_await reply_json(exchange, std::move(answer));
}

std::string events_of(const AnswerProgress& progress, ResponseFormat& format) {
  std::string events;
  for (const AnswerPiece& piece : progress.pieces) events += format.piece(piece);
  if (!progress.end) return events;
  const auto failure = choice_failure(*progress.end);
  return events + (failure ? format.failure(*failure) : format.closing(*progress.end));
}

asio::awaitable<void> send_events(Exchange& exchange, AnswerFlow& stream, ResponseFormat& format,
                                  std::chrono::milliseconds keepalive) {
  std::string type(kSseContentType);
  HttpHeaders headers;
  co_await exchange.begin_stream(std::move(type), std::move(headers));
  std::string opening = format.opening();
  co_await exchange.write(std::move(opening));
  bool ended = false;
  while (!ended) {
    const bool is_something_there = co_await stream.wait_for(keepalive);
    if (!is_something_there) {
      std::string event = format.keepalive();
      co_await exchange.write(std::move(event));
      continue;
    }
    const AnswerProgress progress = co_await stream.next();
    ended = progress.end.has_value();
    std::string events = events_of(progress, format);
    if (!events.empty()) co_await exchange.write(std::move(events));
  }
  co_await exchange.end_stream();
}

}  // namespace

asio::awaitable<void> answer_response(Exchange& exchange, ModelService& service) {
  service.model();
  struct Made {
    ResponsesRequest request;
    AnswerHead head;
    AnswerReading reading;
    PreparedRequest generation;
  };
  auto make = [&](const boost::json::object& body) {
    ResponsesRequest request = parse_responses_request(body, service.sampling_defaults());
    AnswerHead head = answer_head(exchange, service, "resp_", request);
    Request generation = request.generation;
    generation.id = head.id;
    ConversationPrompt prompt = encode_conversation(service, std::move(request.context), std::move(request.tools));
    prompt.put_into(generation);
    return Made{std::move(request), std::move(head), std::move(prompt.reading),
                service.prepare(std::move(generation), kApi)};
  };
  Made made = co_await from_body(exchange, service, make);
  const bool is_text = made.reading.syntax == nullptr;
  AnswerFlow stream(service.start(std::move(made.generation), kApi), std::move(made.reading));
  ResponseFormat format(std::move(made.head), token_spelling(service), std::move(made.request.echoed), is_text);
  if (made.request.stream) {
    co_await send_events(exchange, stream, format, service.keepalive());
  } else {
    co_await send_whole(exchange, stream, format);
  }
}

asio::awaitable<void> count_response_input(Exchange& exchange, ModelService& service) {
  service.model();
  auto make = [&](const boost::json::object& body) {
    ResponsesRequest request = parse_responses_request(body, service.sampling_defaults());
    return encode_conversation(service, std::move(request.context), std::move(request.tools)).tokens.size();
  };
  const std::size_t count = co_await from_body(exchange, service, make);
  boost::json::value answer(boost::json::object{{"object", "response.input_tokens"}, {"input_tokens", count}});
  co_await reply_json(exchange, std::move(answer));
}

}  // namespace hearth
