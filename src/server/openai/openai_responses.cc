// POST /v1/responses.
#include <chrono>
#include <optional>
#include <utility>

#include "server/from_body.h"
#include "server/http/json_reply.h"
#include "server/openai/openai_handlers.h"
#include "server/openai/openai_responses_answer.h"

namespace hearth {
namespace {

namespace asio = boost::asio;

constexpr std::string_view kApi = "/v1/responses";

// The events of what has come; nullopt in `end` while the generation goes on.
struct Progress {
  std::string events;
  std::optional<GenerationEnd> end;
};

void take(Progress& progress, GenerationStream::Event event, ResponseFormat& format, std::string& text) {
  if (auto* token = std::get_if<GeneratedToken>(&event)) {
    if (token->logprob) {
      progress.events += format.token_piece(*token);
    } else {
      text += token->text;
    }
    return;
  }
  progress.end = std::move(std::get<GenerationEnd>(event));
  text += progress.end->text;
}

// Waits for what comes next. Text that comes together is one event.
asio::awaitable<Progress> advance(GenerationStream& stream, ResponseFormat& format) {
  Progress progress;
  std::string text;
  do {
    GenerationStream::Event event = co_await stream.next();
    take(progress, std::move(event), format, text);
  } while (!progress.end && stream.has_more());
  progress.events += format.piece(text);
  co_return progress;
}

asio::awaitable<void> send_whole(Exchange& exchange, GenerationStream& stream, ResponseFormat& format) {
  Progress progress;
  while (!progress.end) progress = co_await advance(stream, format);
  if (const auto failure = choice_failure(*progress.end)) throw HttpError(*failure);
  boost::json::value answer = format.whole(*progress.end);
  co_await reply_json(exchange, std::move(answer));
}

asio::awaitable<void> send_events(Exchange& exchange, GenerationStream& stream, ResponseFormat& format,
                                  std::chrono::milliseconds keepalive) {
  std::string type(kSseContentType);
  HttpHeaders headers;
  co_await exchange.begin_stream(std::move(type), std::move(headers));
  std::string opening = format.opening();
  co_await exchange.write(std::move(opening));
  Progress progress;
  while (!progress.end) {
    const bool is_something_there = co_await stream.wait_for(keepalive);
    if (!is_something_there) {
      std::string event = format.keepalive();
      co_await exchange.write(std::move(event));
      continue;
    }
    progress = co_await advance(stream, format);
    if (progress.end) {
      const auto failure = choice_failure(*progress.end);
      progress.events += failure ? format.failure(*failure) : format.closing(*progress.end);
    }
    if (!progress.events.empty()) co_await exchange.write(std::move(progress.events));
  }
  co_await exchange.end_stream();
}

}  // namespace

asio::awaitable<void> answer_response(Exchange& exchange, ModelService& service) {
  service.model();
  struct Made {
    ResponsesRequest request;
    AnswerHead head;
    PreparedRequest generation;
  };
  auto make = [&](const boost::json::object& body) {
    ResponsesRequest request = parse_responses_request(body, service.sampling_defaults());
    AnswerHead head = answer_head(exchange, service, "resp_", request);
    Request generation = request.generation;
    generation.id = head.id;
    generation.prompt = service.encode_chat(std::move(request.context));
    return Made{std::move(request), std::move(head), service.prepare(std::move(generation), kApi)};
  };
  Made made = co_await from_body(exchange, service, make);
  const std::unique_ptr<GenerationStream> stream = service.start(std::move(made.generation), kApi);
  ResponseFormat format(std::move(made.head), token_spelling(service), std::move(made.request.echoed));
  if (made.request.stream) {
    co_await send_events(exchange, *stream, format, service.keepalive());
  } else {
    co_await send_whole(exchange, *stream, format);
  }
}

asio::awaitable<void> count_response_input(Exchange& exchange, ModelService& service) {
  service.model();
  auto make = [&](const boost::json::object& body) {
    return service.encode_chat(parse_responses_request(body, service.sampling_defaults()).context).size();
  };
  const std::size_t count = co_await from_body(exchange, service, make);
  boost::json::value answer(boost::json::object{{"object", "response.input_tokens"}, {"input_tokens", count}});
  co_await reply_json(exchange, std::move(answer));
}

}  // namespace hearth
