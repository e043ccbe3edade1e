// Ollama's API over the model that is served: one model, which is always loaded.
#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <optional>
#include <utility>

#include "server/fields.h"
#include "server/generation_failure.h"
#include "server/http/json_reply.h"
#include "server/ollama/ollama_answer.h"
#include "server/ollama/ollama_handlers.h"
#include "server/ollama/ollama_models.h"
#include "server/ollama/ollama_request.h"
#include "server/ollama/ollama_routes.h"
#include "server/prefill.h"

namespace hearth {
namespace {

namespace asio = boost::asio;

asio::awaitable<void> reply(Exchange& exchange, boost::json::object answer) {
  return reply_json(exchange, std::move(answer), 200, kOllamaContentType);
}

// An answer as it grows: from a generation's events to what the endpoint's lines are made of.
class Answer {
 public:
  // `context`: the prompt's tokens, if the end is to give them back with the answer's. The tokenizer outlives this.
  Answer(OllamaEndpoint endpoint, std::string model, const Tokenizer& tokenizer,
         std::optional<std::vector<TokenId>> context)
      : endpoint_(endpoint), model_(std::move(model)), tokenizer_(&tokenizer), context_(std::move(context)) {}

  void add(GenerationStream::Event event) {
    if (auto* end = std::get_if<GenerationEnd>(&event)) {
      text_ += end->text;
      end_ = std::move(*end);
      return;
    }
    const auto& token = std::get<GeneratedToken>(event);
    text_ += token.text;
    if (token.logprob) logprobs_.push_back(ollama_logprob(token, *tokenizer_));
    if (context_) context_->push_back(token.id);
  }

  bool ended() const { return end_.has_value(); }
  const GenerationEnd& end() const { return *end_; }
  bool has_piece() const { return !text_.empty() || !logprobs_.empty(); }

  // What was added since the last piece.
  boost::json::object take_piece() {
    boost::json::object piece = ollama_piece(endpoint_, model_, std::exchange(text_, {}), now());
    if (!logprobs_.empty()) piece["logprobs"] = std::exchange(logprobs_, {});
    return piece;
  }

  // The last one, after the end, which is no failure.
  boost::json::object take_last() {
    boost::json::object piece = take_piece();
    finish_ollama_answer(piece, *end_);
    if (context_) {
      boost::json::array& ids = piece["context"].emplace_array();
      for (const TokenId id : *context_) ids.push_back(id);
    }
    return piece;
  }

 private:
  static std::chrono::system_clock::time_point now() { return std::chrono::system_clock::now(); }

  OllamaEndpoint endpoint_;
  std::string model_;
  const Tokenizer* tokenizer_;
  std::optional<std::vector<TokenId>> context_;
  std::string text_;
  boost::json::array logprobs_;
  std::optional<GenerationEnd> end_;
};

asio::awaitable<void> answer_whole(Exchange& exchange, GenerationStream& stream, Answer answer) {
  while (!answer.ended()) {
    GenerationStream::Event event = co_await stream.next();
    answer.add(std::move(event));
  }
  if (const auto failure = generation_failure(answer.end())) throw HttpError(*failure);
  boost::json::object object = answer.take_last();
  co_await reply(exchange, std::move(object));
}

asio::awaitable<void> answer_streaming(Exchange& exchange, GenerationStream& stream, Answer answer) {
  HttpHeaders headers;
  co_await exchange.begin_stream("application/x-ndjson", std::move(headers));
  while (!answer.ended()) {
    do {
      GenerationStream::Event event = co_await stream.next();
      answer.add(std::move(event));
    } while (!answer.ended() && stream.has_more());
    std::string lines;
    if (answer.has_piece()) lines = ollama_line(answer.take_piece());
    if (answer.ended()) {
      const auto failure = generation_failure(answer.end());
      lines += failure ? ollama_error_body(*failure) + "\n" : ollama_line(answer.take_last());
    }
    if (!lines.empty()) co_await exchange.write(std::move(lines));
  }
  co_await exchange.end_stream();
}

asio::awaitable<void> answer_request(Exchange& exchange, ModelService& service, OllamaEndpoint endpoint,
                                     OllamaRequest request) {
  std::optional<std::vector<TokenId>> context;
  if (endpoint == OllamaEndpoint::kGenerate) context = request.generation.prompt;
  Answer answer(endpoint, request.model, service.tokenizer(), std::move(context));
  const bool is_chat = endpoint == OllamaEndpoint::kChat;
  request.generation.id = fmt::format("ollama-{}", exchange.id());
  const std::unique_ptr<GenerationStream> stream =
      service.start(std::move(request.generation), is_chat ? "/api/chat" : "/api/generate");
  if (request.stream) {
    co_await answer_streaming(exchange, *stream, std::move(answer));
  } else {
    co_await answer_whole(exchange, *stream, std::move(answer));
  }
}

asio::awaitable<void> answer_loaded(Exchange& exchange, OllamaEndpoint endpoint, std::string model) {
  boost::json::object answer = ollama_loaded(endpoint, model, std::chrono::system_clock::now());
  co_await reply(exchange, std::move(answer));
}

// After the tokens of an earlier answer, if there are any, this prompt's without the token that begins a text.
std::vector<TokenId> encode(const ModelService& service, const OllamaGenerateRequest& request) {
  const bool is_plain = request.raw || service.model().chat_template_text.empty();
  std::vector<TokenId> prompt =
      is_plain ? service.encode_prompt(request.prompt) : service.encode_chat(request.conversation);
  if (request.context.empty()) return prompt;
  const auto bos = service.tokenizer().bos();
  const bool has_bos = bos && !prompt.empty() && prompt.front() == *bos;
  std::vector<TokenId> ids = request.context;
  ids.insert(ids.end(), prompt.begin() + (has_bos ? 1 : 0), prompt.end());
  return ids;
}

asio::awaitable<void> generate(Exchange& exchange, ModelService& service) {
  const ServedModel& model = service.model();
  const boost::json::object body = parse_body(exchange.request());
  OllamaGenerateRequest request = parse_ollama_generate(body, model, service.sampling_defaults());
  if (request.load_only) {
    co_await answer_loaded(exchange, OllamaEndpoint::kGenerate, std::move(request.model));
    co_return;
  }
  request.generation.prompt = encode(service, request);
  OllamaRequest common = std::move(request);
  co_await answer_request(exchange, service, OllamaEndpoint::kGenerate, std::move(common));
}

asio::awaitable<void> chat(Exchange& exchange, ModelService& service) {
  const ServedModel& model = service.model();
  const boost::json::object body = parse_body(exchange.request());
  OllamaChatRequest request = parse_ollama_chat(body, model, service.sampling_defaults());
  if (request.load_only) {
    co_await answer_loaded(exchange, OllamaEndpoint::kChat, std::move(request.model));
    co_return;
  }
  request.generation.prompt = encode_prefilled_chat(service, std::move(request.conversation), request.prefill);
  OllamaRequest common = std::move(request);
  co_await answer_request(exchange, service, OllamaEndpoint::kChat, std::move(common));
}

asio::awaitable<void> tags(Exchange& exchange, ModelService& service) {
  return reply(exchange, ollama_tags(service.model()));
}

asio::awaitable<void> ps(Exchange& exchange, ModelService& service) {
  return reply(exchange, ollama_ps(service.model()));
}

asio::awaitable<void> show(Exchange& exchange, ModelService& service) {
  const boost::json::object body = parse_body(exchange.request());
  parse_ollama_model(body, service.model());
  return reply(exchange, ollama_show(service.model()));
}

asio::awaitable<void> version(Exchange& exchange) {
  boost::json::object answer;
  answer["version"] = HEARTH_VERSION;
  return reply(exchange, std::move(answer));
}

HttpError not_available(std::string message) {
  Router::Failure failure;
  failure.status = 501;
  failure.message = std::move(message);
  return HttpError(std::move(failure));
}

void add_refusals(Router& router) {
  struct Refused {
    const char* method;
    const char* path;
  };
  static constexpr Refused kLibrary[] = {
      {"POST", "/api/pull"},     {"POST", "/api/push"},           {"POST", "/api/create"},        {"POST", "/api/copy"},
      {"DELETE", "/api/delete"}, {"HEAD", "/api/blobs/{digest}"}, {"POST", "/api/blobs/{digest}"}};
  for (const auto& [method, path] : kLibrary) {
    router.add(method, path, ollama_error_body, [](Exchange& exchange) -> asio::awaitable<void> {
      throw not_available(fmt::format("{} is not available: this server has the one model that it was started with",
                                      exchange.request().path));
    });
  }
}

}  // namespace

void add_ollama_routes(Router& router, ModelService& service) {
  const auto add = [&](const char* method, const char* path, auto handler) {
    router.add(method, path, ollama_error_body,
               [&service, handler](Exchange& exchange) { return handler(exchange, service); });
  };
  add("POST", "/api/generate", generate);
  add("POST", "/api/chat", chat);
  add("POST", "/api/embed", ollama_embed);
  add("POST", "/api/embeddings", ollama_embeddings);
  add("GET", "/api/tags", tags);
  add("GET", "/api/ps", ps);
  add("POST", "/api/show", show);
  router.add("GET", "/api/version", ollama_error_body, version);
  add_refusals(router);
}

}  // namespace hearth
