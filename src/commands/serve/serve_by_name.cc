#include "commands/serve/serve_by_name.h"

#include <fmt/format.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "base/error.h"
#include "commands/pull_model.h"
#include "commands/serve/forwarded_request.h"
#include "commands/serve/library_routes.h"
#include "commands/serve/model_library.h"
#include "commands/serve/model_pool.h"
#include "server/anthropic/anthropic_routes.h"
#include "server/fields.h"
#include "server/http/json_reply.h"
#include "server/ollama/ollama_answer.h"
#include "server/ollama/ollama_models.h"
#include "server/ollama/ollama_routes.h"
#include "server/openai/openai_routes.h"
#include "server/page/page_routes.h"
#include "server/telemetry/request_log.h"

namespace hearth {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;
using ErrorCode = boost::system::error_code;

// Requests at once of each model, where nobody says: memory is shared among several.
constexpr const char* kParallel = "4";

// What a request's body says to the server between client and model.
struct Wanted {
  std::string model;
  std::optional<std::chrono::seconds> keep_alive;
  bool is_empty = false;  // nothing to answer: load it, or unload it
};

Wanted wanted_of(const HttpRequest& request) {
  Wanted wanted;
  const json::object body = parse_body(request);
  wanted.model = named_model(body);
  if (!request.path.starts_with("/api/")) return wanted;
  wanted.keep_alive = keep_alive(body);
  const Fields fields(body);
  const auto is_absent = [&](std::string_view name) {
    const json::value* value = fields.find(name);
    return value == nullptr || (value->is_string() && value->get_string().empty()) ||
           (value->is_array() && value->get_array().empty());
  };
  const bool generates = request.path == "/api/generate" || request.path == "/api/chat";
  wanted.is_empty = generates && is_absent("prompt") && is_absent("messages") && is_absent("context");
  return wanted;
}

class ServingByName {
 public:
  ServingByName(const ServeOptions& options, HttpServerOptions http)
      : options_(options),
        log_({.json = options.log_json, .quiet = true, .replay_file = {}, .fingerprint = {}, .otlp_endpoint = {}}),
        library_(hub_options_from_environment(), options.model.device),
        pool_(io_.get_executor(), pool_options()),
        http_(io_.get_executor(), router_, with_callbacks(std::move(http)), {}),
        signals_(io_, SIGINT, SIGTERM),
        drain_timer_(io_) {
    add_library_routes(router_, library_, pool_);
    add_forwarding_routes();
    add_own_routes();
    add_page_routes(router_, openai_error_body);
  }

  int run() {
    http_.start();
    log_.line("info", listening_text(options_, http_.port()));
    log_.line("info", fmt::format("ready: models are loaded when requests name them, up to {}; {} are here",
                                  bytes_text(memory_bytes_), library_.list().size()));
    wait_for_signal();
    io_.run();
    return 0;
  }

 private:
  ModelPoolOptions pool_options() {
    memory_bytes_ =
        options_.models_bytes_max > 0 ? options_.models_bytes_max : model_memory_bytes(options_.model.device);
    ModelPoolOptions pool;
    pool.memory_bytes = memory_bytes_;
    pool.models_max = options_.models_max;
    pool.keep_alive = *keep_alive({{"keep_alive", options_.keep_alive}});
    pool.arguments = options_.model_arguments;
    if (options_.sequences_max == 0) pool.arguments.insert(pool.arguments.end(), {"--parallel", kParallel});
    pool.log = [this](std::string_view level, std::string_view message) { log_.line(level, message); };
    pool.on_line = [](std::string_view line) { fmt::print(stderr, "{}\n", line); };
    return pool;
  }

  HttpServerOptions with_callbacks(HttpServerOptions http) {
    http.on_trouble = [this](std::string_view message) { log_.line("warning", message); };
    return http;
  }

  void add_forwarding_routes() {
    const auto add = [&](const char* method, const std::string& pattern, const Router::ErrorBody& error_body) {
      router_.add(method, pattern, error_body, [this](Exchange& exchange) { return forward(exchange); });
    };
    for (const char* path : {"/chat/completions", "/completions", "/embeddings", "/rerank", "/reranking", "/responses",
                             "/responses/input_tokens", "/responses/compact"}) {
      for (const char* version : {"/v1", ""}) add("POST", std::string(version) + path, openai_error_body);
    }
    for (const char* path : {"/messages", "/messages/count_tokens"}) {
      for (const char* version : {"/v1", ""}) add("POST", std::string(version) + path, anthropic_error_body);
    }
    add("POST", "/v2/rerank", openai_error_body);
    for (const char* path : {"/api/generate", "/api/chat", "/api/embed", "/api/embeddings"}) {
      add("POST", path, ollama_error_body);
    }
    for (const char* path : {"/tokenize", "/detokenize", "/apply-template"}) add("POST", path, openai_error_body);
    // About what the latest model did.
    const auto add_latest = [&](const char* method, const std::string& pattern) {
      router_.add(method, pattern, openai_error_body, [this](Exchange& exchange) { return forward_latest(exchange); });
    };
    for (const char* path : {"/metrics", "/props", "/traces", "/v1/requests/{id}"}) add_latest("GET", path);
    add_latest("DELETE", "/v1/requests/{id}");
    for (const char* path :
         {"/responses/{id}", "/responses/{id}/input_items", "/conversations/{id}", "/conversations/{id}/items"}) {
      for (const char* version : {"/v1", ""}) add_latest("GET", std::string(version) + path);
    }
    for (const char* version : {"/v1", ""}) {
      for (const char* path : {"/responses/{id}", "/conversations/{id}"}) {
        add_latest("DELETE", std::string(version) + path);
      }
      for (const char* path : {"/responses/{id}/cancel", "/conversations", "/conversations/{id}/items"}) {
        add_latest("POST", std::string(version) + path);
      }
    }
  }

  void add_own_routes() {
    router_.add("GET", "/health", openai_error_body, [](Exchange& exchange) {
      return reply_json(exchange, json::object{{"status", "ok"}});
    });
    router_.add("GET", "/ready", openai_error_body, [this](Exchange& exchange) {
      return reply_json(exchange, json::object{{"status", draining_ ? "draining" : "ready"}}, draining_ ? 503 : 200);
    });
    router_.add("GET", "/api/version", ollama_error_body,
                [](Exchange& exchange) { return reply_json(exchange, ollama_version()); });
  }

  // The model that the request names is loaded where it is not, and answers.
  asio::awaitable<void> forward(Exchange& exchange) {
    const Wanted wanted = wanted_of(exchange.request());
    LocalModel model = wanted.model.empty() ? pool_.latest().value_or(LocalModel{}) : library_.find(wanted.model);
    if (model.path.empty()) model = library_.find("");
    if (wanted.is_empty && wanted.keep_alive && wanted.keep_alive->count() == 0) {
      co_await answer_unloaded(exchange, model, wanted.model);
      co_return;
    }
    const ModelPool::Lease lease = co_await pool_.acquire(model, wanted.keep_alive);
    std::string key = lease.key();
    co_await forward_request(exchange, lease.port(), std::move(key));
  }

  asio::awaitable<void> answer_unloaded(Exchange& exchange, LocalModel model, std::string name) {
    pool_.unload(model);
    const bool is_chat = exchange.request().path == "/api/chat";
    json::object answer = ollama_loaded(is_chat ? OllamaEndpoint::kChat : OllamaEndpoint::kGenerate, name,
                                        std::chrono::system_clock::now());
    answer["done_reason"] = "unload";
    json::value body(std::move(answer));
    std::string type = kOllamaContentType;
    co_await reply_json(exchange, std::move(body), 200, std::move(type));
  }

  // Looking at it keeps no model loaded, and loads none.
  asio::awaitable<void> forward_latest(Exchange& exchange) {
    std::optional<ModelPool::Lease> lease = pool_.look_at_latest();
    if (!lease) {
      throw HttpError(503, "no model is loaded");
    }
    std::string key = lease->key();
    co_await forward_request(exchange, lease->port(), std::move(key));
  }

  void wait_for_signal() {
    signals_.async_wait([this](ErrorCode error, int signal) {
      if (error) return;
      on_signal(signal);
      wait_for_signal();
    });
  }

  void on_signal(int signal) {
    if (draining_) {
      log_.line("warning", "a second signal: ending at once");
      std::_Exit(128 + signal);
    }
    draining_ = true;
    log_.line("info", fmt::format("draining: at most {} seconds", options_.drain_timeout_s));
    pool_.drain([this] { http_.drain([this] { io_.stop(); }); });
    drain_timer_.expires_after(std::chrono::seconds(options_.drain_timeout_s + 5));
    drain_timer_.async_wait([this](ErrorCode error) {
      if (!error) io_.stop();
    });
  }

  const ServeOptions options_;
  RequestLog log_;
  std::int64_t memory_bytes_ = 0;
  bool draining_ = false;
  Router router_{openai_error_body};
  // After what handlers refer to: it ends those that are left.
  asio::io_context io_{1};
  ModelLibrary library_;
  ModelPool pool_;
  HttpServer http_;
  asio::signal_set signals_;
  asio::steady_timer drain_timer_;
};

}  // namespace

int serve_by_name(const ServeOptions& options, HttpServerOptions http) {
  std::signal(SIGXFSZ, SIG_IGN);
  ServingByName serving(options, std::move(http));
  return serving.run();
}

}  // namespace hearth
