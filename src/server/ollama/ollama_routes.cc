// Ollama's API over the model that is served: one model, which is always loaded.
#include <fmt/format.h>

#include <chrono>
#include <optional>
#include <utility>

#include "server/answer_flow.h"
#include "server/conversation_prompt.h"
#include "server/from_body.h"
#include "server/generation_failure.h"
#include "server/http/json_reply.h"
#include "server/ollama/ollama_answer.h"
#include "server/ollama/ollama_handlers.h"
#include "server/ollama/ollama_models.h"
#include "server/ollama/ollama_request.h"
#include "server/ollama/ollama_routes.h"

namespace hearth {
namespace {

namespace asio = boost::asio;

asio::awaitable<void> reply(Exchange& exchange, boost::json::object answer) {
  return reply_json(exchange, std::move(answer), 200, kOllamaContentType);
}

std::string_view api_of(OllamaEndpoint endpoint) {
  return endpoint == OllamaEndpoint::kChat ? "/api/chat" : "/api/generate";
}

// An answer as it grows: from a generation's events to what the endpoint's lines are made of.
class Answer {
 public:
  // `context`: the prompt's tokens, if the end is to give them back with the answer's. The tokenizer outlives this.
  Answer(OllamaEndpoint endpoint, std::string model, const Tokenizer& tokenizer,
         std::optional<std::vector<TokenId>> context)
      : endpoint_(endpoint), model_(std::move(model)), tokenizer_(&tokenizer), context_(std::move(context)) {}

  void add(AnswerProgress progress) {
    append(parts_, std::move(progress.pieces), true);
    if (context_) context_->insert(context_->end(), progress.tokens.begin(), progress.tokens.end());
    end_ = std::move(progress.end);
  }

  bool ended() const { return end_.has_value(); }
  const GenerationEnd& end() const { return *end_; }
  bool has_piece() const { return parts_.size() > (is_within_call() ? 1U : 0U); }

  // What was added since the last piece, but for a call that is not complete.
  boost::json::object take_piece() {
    std::vector<AnswerPart> rest;
    if (is_within_call()) {
      rest.push_back(std::move(parts_.back()));
      parts_.pop_back();
    }
    const std::vector<AnswerPart> parts = std::exchange(parts_, std::move(rest));
    boost::json::object piece = ollama_piece(endpoint_, model_, parts, now());
    boost::json::array logprobs;
    for (const AnswerPart& part : parts) {
      for (const GeneratedToken& token : part.tokens) logprobs.push_back(ollama_logprob(token, *tokenizer_));
    }
    if (!logprobs.empty()) piece["logprobs"] = std::move(logprobs);
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
  bool is_within_call() const {
    return !parts_.empty() && parts_.back().kind == AnswerPiece::Kind::kCall && !parts_.back().is_complete;
  }

  OllamaEndpoint endpoint_;
  std::string model_;
  const Tokenizer* tokenizer_;
  std::optional<std::vector<TokenId>> context_;
  std::vector<AnswerPart> parts_;  // not told yet
  std::optional<GenerationEnd> end_;
};

asio::awaitable<void> answer_whole(Exchange& exchange, AnswerFlow& stream, Answer answer) {
  while (!answer.ended()) {
    AnswerProgress progress = co_await stream.next();
    answer.add(std::move(progress));
  }
  if (const auto failure = generation_failure(answer.end())) throw HttpError(*failure);
  boost::json::object object = answer.take_last();
  co_await reply(exchange, std::move(object));
}

asio::awaitable<void> answer_flowing(Exchange& exchange, AnswerFlow& stream, Answer answer,
                                     std::chrono::milliseconds keepalive) {
  HttpHeaders headers;
  co_await exchange.begin_stream("application/x-ndjson", std::move(headers));
  Silence silence(keepalive);
  while (!answer.ended()) {
    const bool is_something_there = co_await stream.wait_for(silence.left());
    if (is_something_there) {
      AnswerProgress progress = co_await stream.next();
      answer.add(std::move(progress));
    }
    std::string lines;
    if (answer.has_piece()) lines = ollama_line(answer.take_piece());
    if (answer.ended()) {
      const auto failure = generation_failure(answer.end());
      lines += failure ? ollama_error_body(*failure) + "\n" : ollama_line(answer.take_last());
    }
    if (lines.empty() && silence.is_too_long()) lines = "\n";
    if (lines.empty()) continue;
    silence.end();
    co_await exchange.write(std::move(lines));
  }
  co_await exchange.end_stream();
}

// A request as it was read, ready to run unless there is nothing to generate.
struct Made {
  OllamaRequest request;
  std::optional<std::vector<TokenId>> context;  // the prompt's tokens, where the answer gives them back
  AnswerReading reading;
  std::optional<PreparedRequest> generation;
};

// `prompt`: empty where nothing is to be generated.
Made made_of(OllamaRequest request, ConversationPrompt prompt, const ModelService& service, const Exchange& exchange,
             OllamaEndpoint endpoint) {
  Made made{std::move(request), std::nullopt, {}, std::nullopt};
  if (made.request.load_only) return made;
  if (endpoint == OllamaEndpoint::kGenerate) made.context = prompt.tokens;
  prompt.put_into(made.request.generation);
  made.reading = std::move(prompt.reading);
  made.request.generation.id = fmt::format("ollama-{}", exchange.id());
  made.generation = service.prepare(std::move(made.request.generation), api_of(endpoint));
  return made;
}

asio::awaitable<void> answer_loaded(Exchange& exchange, OllamaEndpoint endpoint, std::string model) {
  boost::json::object answer = ollama_loaded(endpoint, model, std::chrono::system_clock::now());
  co_await reply(exchange, std::move(answer));
}

// After the tokens of an earlier answer, if there are any, this prompt's without the token that begins a text.
ConversationPrompt encode(const ModelService& service, const OllamaGenerateRequest& request) {
  const bool is_plain = request.raw || service.model().chat_template_text.empty();
  ConversationPrompt prompt;
  if (is_plain) {
    prompt.tokens = service.encode_prompt(request.prompt);
  } else {
    prompt = encode_conversation(service, request.conversation, {});
  }
  if (request.context.empty()) return prompt;
  const auto bos = service.tokenizer().bos();
  const bool has_bos = bos && !prompt.tokens.empty() && prompt.tokens.front() == *bos;
  std::vector<TokenId> ids = request.context;
  ids.insert(ids.end(), prompt.tokens.begin() + (has_bos ? 1 : 0), prompt.tokens.end());
  prompt.tokens = std::move(ids);
  return prompt;
}

asio::awaitable<void> answer_made(Exchange& exchange, ModelService& service, OllamaEndpoint endpoint, Made made) {
  if (!made.generation) {
    co_await answer_loaded(exchange, endpoint, std::move(made.request.model));
    co_return;
  }
  Answer answer(endpoint, made.request.model, service.tokenizer(), std::move(made.context));
  AnswerFlow stream(service.start(std::move(*made.generation), api_of(endpoint)), std::move(made.reading));
  if (made.request.stream) {
    co_await answer_flowing(exchange, stream, std::move(answer), service.keepalive());
  } else {
    co_await answer_whole(exchange, stream, std::move(answer));
  }
}

asio::awaitable<void> generate(Exchange& exchange, ModelService& service) {
  const ServedModel& model = service.model();
  auto make = [&](const boost::json::object& body) {
    OllamaGenerateRequest request = parse_ollama_generate(body, model, service.sampling_defaults());
    ConversationPrompt prompt;
    if (!request.load_only) prompt = encode(service, request);
    OllamaRequest common = std::move(request);
    return made_of(std::move(common), std::move(prompt), service, exchange, OllamaEndpoint::kGenerate);
  };
  Made made = co_await from_body(exchange, service, make);
  co_await answer_made(exchange, service, OllamaEndpoint::kGenerate, std::move(made));
}

asio::awaitable<void> chat(Exchange& exchange, ModelService& service) {
  const ServedModel& model = service.model();
  auto make = [&](const boost::json::object& body) {
    OllamaChatRequest request = parse_ollama_chat(body, model, service.sampling_defaults());
    ConversationPrompt prompt;
    if (!request.load_only) {
      prompt = encode_conversation(service, std::move(request.conversation), std::move(request.tools), request.prefill);
    }
    OllamaRequest common = std::move(request);
    return made_of(std::move(common), std::move(prompt), service, exchange, OllamaEndpoint::kChat);
  };
  Made made = co_await from_body(exchange, service, make);
  co_await answer_made(exchange, service, OllamaEndpoint::kChat, std::move(made));
}

asio::awaitable<void> tags(Exchange& exchange, ModelService& service) {
  return reply(exchange, ollama_tags(service.model()));
}

asio::awaitable<void> ps(Exchange& exchange, ModelService& service) {
  return reply(exchange, ollama_ps(service.model()));
}

asio::awaitable<void> show(Exchange& exchange, ModelService& service) {
  const ServedModel& model = service.model();
  auto make = [&](const boost::json::object& body) { return parse_ollama_model(body, model); };
  const std::string name = co_await from_body(exchange, service, make);
  boost::json::object answer = ollama_show(model);
  co_await reply(exchange, std::move(answer));
}

asio::awaitable<void> version(Exchange& exchange) {
  return reply(exchange, ollama_version());
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
