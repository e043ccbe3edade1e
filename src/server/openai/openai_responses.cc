// POST /v1/responses.
#include <optional>
#include <utility>

#include "server/fields.h"
#include "server/http/json_reply.h"
#include "server/openai/openai_handlers.h"
#include "server/openai/openai_responses_answer.h"

namespace hearth {
namespace {

namespace asio = boost::asio;

// The events of what has come; nullopt in `end` while the generation goes on.
struct Progress {
  std::string events;
  std::optional<GenerationEnd> end;
};

void take(Progress& progress, GenerationStream::Event event, ResponseFormat& format, const ModelService& service,
          const OpenAiRequest& request, std::string& text) {
  if (auto* token = std::get_if<GeneratedToken>(&event)) {
    const bool with_logprobs = token->logprob && is_shown(*token, service, request);
    if (with_logprobs) {
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
asio::awaitable<Progress> advance(GenerationStream& stream, ResponseFormat& format, const ModelService& service,
                                  const OpenAiRequest& request) {
  Progress progress;
  std::string text;
  do {
    GenerationStream::Event event = co_await stream.next();
    take(progress, std::move(event), format, service, request, text);
  } while (!progress.end && stream.has_more());
  progress.events += format.piece(text);
  co_return progress;
}

asio::awaitable<void> send_whole(Exchange& exchange, GenerationStream& stream, ResponseFormat& format,
                                 const ModelService& service, const OpenAiRequest& request) {
  Progress progress;
  while (!progress.end) progress = co_await advance(stream, format, service, request);
  if (const auto failure = choice_failure(*progress.end)) throw HttpError(*failure);
  boost::json::value answer = format.whole(*progress.end);
  co_await reply_json(exchange, std::move(answer));
}

asio::awaitable<void> send_events(Exchange& exchange, GenerationStream& stream, ResponseFormat& format,
                                  const ModelService& service, const OpenAiRequest& request) {
  std::string type(kSseContentType);
  HttpHeaders headers;
  co_await exchange.begin_stream(std::move(type), std::move(headers));
  std::string opening = format.opening();
  co_await exchange.write(std::move(opening));
  Progress progress;
  while (!progress.end) {
    progress = co_await advance(stream, format, service, request);
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
  const boost::json::object body = parse_body(exchange.request());
  ResponsesRequest request = parse_responses_request(body, service.sampling_defaults());
  AnswerHead head = answer_head(exchange, service, "resp_", request);
  Request generation = request.generation;
  generation.id = head.id;
  generation.prompt = service.encode_chat(std::move(request.context));
  const std::unique_ptr<GenerationStream> stream = service.start(std::move(generation), exchange.request().path);
  ResponseFormat format(std::move(head), token_spelling(service), std::move(request.echoed));
  if (request.stream) {
    co_await send_events(exchange, *stream, format, service, request);
  } else {
    co_await send_whole(exchange, *stream, format, service, request);
  }
}

}  // namespace hearth
