// POST /v1/responses.
#include <boost/json/array.hpp>
#include <chrono>
#include <functional>
#include <string>
#include <utility>

#include "server/answer_flow.h"
#include "server/conversation_prompt.h"
#include "server/from_body.h"
#include "server/http/json_reply.h"
#include "server/openai/openai_handlers.h"
#include "server/openai/openai_responses_answer.h"
#include "server/openai/remembered_input.h"

namespace hearth {
namespace {

namespace asio = boost::asio;

constexpr std::string_view kApi = "/v1/responses";

// Remembers an answer, if it is to be, before the client hears of its end and goes on from it.
class Keeper {
 public:
  Keeper(ModelService& service, RememberedInput&& input)
      : service_(service), is_kept_(input.is_kept), stored_(std::move(input.stored)) {}

  asio::awaitable<void> keep(boost::json::object response) {
    if (!is_kept_) co_return;
    stored_.response = std::move(response);
    std::function<void()> work = [this] { put(); };
    co_await service_.run_in_pool(std::move(work));
  }

 private:
  void put() {
    const std::string id(stored_.response.at("id").as_string());
    service_.responses().put(id, stored_);
    if (stored_.conversation.empty()) return;
    boost::json::array items = stored_.input;
    const boost::json::array& output = stored_.response.at("output").as_array();
    items.insert(items.end(), output.begin(), output.end());
    service_.responses().append(stored_.conversation, items);
  }

  ModelService& service_;
  bool is_kept_;
  StoredResponse stored_;
};

asio::awaitable<void> send_whole(Exchange& exchange, AnswerFlow& stream, ResponseFormat& format, Keeper& keeper) {
  const WholeAnswer whole = co_await read_whole(stream, false);
  if (const auto failure = choice_failure(whole.end)) throw HttpError(*failure);
  boost::json::object response = format.whole(whole.parts, whole.end);
  boost::json::value answer = response;
  co_await keeper.keep(std::move(response));
  co_await reply_json(exchange, std::move(answer));
}

std::string events_of(const AnswerProgress& progress, ResponseFormat& format) {
  std::string events;
  for (const AnswerPiece& piece : progress.pieces) events += format.piece(piece);
  if (!progress.end) return events;
  const auto failure = choice_failure(*progress.end);
  return events + (failure ? format.failure(*failure) : format.closing(*progress.end));
}

asio::awaitable<void> send_events(Exchange& exchange, AnswerFlow& stream, ResponseFormat& format, Keeper& keeper,
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
    if (ended && !choice_failure(*progress.end)) {
      boost::json::object response = format.ended(*progress.end);
      co_await keeper.keep(std::move(response));
    }
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
    RememberedInput input;
  };
  auto make = [&](const boost::json::object& body) {
    RememberedInput input = remembered_input(body, "resp_" + exchange.id(), service.responses());
    ResponsesRequest request = parse_responses_request(input.body, service.sampling_defaults());
    input.body.clear();
    request.echoed["store"] = input.is_kept;
    if (!input.stored.previous.empty()) request.echoed["previous_response_id"] = input.stored.previous;
    if (!input.stored.conversation.empty()) {
      request.echoed["conversation"] = boost::json::object{{"id", input.stored.conversation}};
    }
    AnswerHead head = answer_head(exchange, service, "resp_", request);
    Request generation = request.generation;
    generation.id = head.id;
    ConversationPrompt prompt = encode_conversation(service, std::move(request.context), std::move(request.tools));
    prompt.put_into(generation);
    return Made{std::move(request), std::move(head), std::move(prompt.reading),
                service.prepare(std::move(generation), kApi), std::move(input)};
  };
  Made made = co_await from_body(exchange, service, make);
  const bool is_text = made.reading.syntax == nullptr;
  AnswerFlow stream(service.start(std::move(made.generation), kApi), std::move(made.reading));
  ResponseFormat format(std::move(made.head), token_spelling(service), std::move(made.request.echoed), is_text);
  Keeper keeper(service, std::move(made.input));
  if (made.request.stream) {
    co_await send_events(exchange, stream, format, keeper, service.keepalive());
  } else {
    co_await send_whole(exchange, stream, format, keeper);
  }
}

asio::awaitable<void> count_response_input(Exchange& exchange, ModelService& service) {
  service.model();
  auto make = [&](const boost::json::object& body) {
    const RememberedInput input = remembered_input(body, "", service.responses());
    ResponsesRequest request = parse_responses_request(input.body, service.sampling_defaults());
    return encode_conversation(service, std::move(request.context), std::move(request.tools)).tokens.size();
  };
  const std::size_t count = co_await from_body(exchange, service, make);
  boost::json::value answer(boost::json::object{{"object", "response.input_tokens"}, {"input_tokens", count}});
  co_await reply_json(exchange, std::move(answer));
}

}  // namespace hearth
