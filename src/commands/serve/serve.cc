#include "commands/serve/serve.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <sstream>
#include <string>
#include <thread>

#include "base/error.h"
#include "base/read_file.h"
#include "commands/serve/serve_by_name.h"
#include "commands/serve/served_model.h"
#include "server/anthropic/anthropic_routes.h"
#include "server/http/http_server.h"
#include "server/http/http_url.h"
#include "server/ollama/ollama_routes.h"
#include "server/openai/openai_routes.h"
#include "server/own/own_api.h"
#include "server/page/page_routes.h"

namespace hearth {
namespace {

namespace asio = boost::asio;
using ErrorCode = boost::system::error_code;

// For the answers' last bytes, when the engine has stopped.
constexpr std::chrono::seconds kFlushTime{5};
// File descriptors that are no client's: model files, the device, logs.
constexpr std::int64_t kOwnDescriptors = 64;
constexpr std::int64_t kConnectionsMax = 16384;
constexpr std::size_t kKeyFileBytesMax = 1 << 20;

// A connection is a file descriptor, and the usual limit of 1,024 is a desktop's. Returns how many clients there may
// be.
std::int64_t raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 512;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 512;
  if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur > kConnectionsMax + kOwnDescriptors) return kConnectionsMax;
  return std::max<std::int64_t>(16, static_cast<std::int64_t>(limit.rlim_cur) - kOwnDescriptors);
}

void add_keys_of_file(const std::filesystem::path& path, std::vector<std::string>& keys) {
  std::istringstream file(read_file(path, kKeyFileBytesMax));
  const std::size_t known = keys.size();
  for (std::string line; std::getline(file, line);) {
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ' || line.back() == '\t')) line.pop_back();
    if (!line.empty() && line.front() != '#') keys.push_back(line);
  }
  if (keys.size() == known) throw InvalidInput(fmt::format("{}: has no API key", path.string()));
}

HttpServerOptions http_options(const ServeOptions& options) {
  HttpServerOptions http;
  http.host = options.host;
  http.port = options.port;
  http.api_keys = options.api_keys;
  if (!options.api_key_file.empty()) add_keys_of_file(options.api_key_file, http.api_keys);
  for (const std::string& key : http.api_keys) {
    if (key.empty()) throw InvalidInput("an API key is empty");
  }
  for (std::string& path : page_paths()) http.open_paths.push_back(std::move(path));
  http.tls_certificate = options.tls_certificate;
  http.tls_key = options.tls_key;
  http.body_bytes_max = options.body_bytes_max;
  http.bodies_bytes_max = std::max(options.bodies_bytes_max, options.body_bytes_max);
  http.allowed_origins = options.allowed_origins;
  http.allowed_hosts = options.allowed_hosts;
  http.write_timeout = std::chrono::seconds(options.write_timeout_s);
  http.connections_max = raise_descriptor_limit();
  return http;
}

RequestLogOptions log_options(const ServeOptions& options) {
  RequestLogOptions log;
  log.json = options.log_json;
  log.replay_file = options.replay_file;
  log.otlp_endpoint = options.otlp_endpoint;
  return log;
}

// Everything of one `hearth serve`. The I/O thread has the sockets, handlers, metrics and log; the thread that calls
// run() loads the model, and then is the engine's.
class Serving {
 public:
  explicit Serving(const ServeOptions& options)
      : options_(options),
        metrics_({.vllm_names = options.vllm_metric_names,
                  .model_name = options.aliases.empty() ? "" : options.aliases.front()}),
        log_(log_options(options)),
        service_(io_.get_executor(), metrics_, log_),
        http_(io_.get_executor(), router_, with_callbacks(http_options(options)),
              [this](std::string_view route, unsigned status) { metrics_.record_http(route, status); }),
        signals_(io_, SIGINT, SIGTERM),
        drain_timer_(io_) {
    if (!options.response_store.empty()) {
      constexpr std::int64_t kFileBytesMax = std::int64_t{1} << 30;
      service_.set_responses(std::make_unique<ResponseStore>(file_shelf(options.response_store, kFileBytesMax)));
    }
    add_openai_routes(router_, service_);
    add_anthropic_routes(router_, service_);
    add_ollama_routes(router_, service_);
    add_own_routes(router_, service_, progress_);
    add_page_routes(router_, openai_error_body);
    metrics_.count_dropped_traces([this] { return log_.dropped_trace_count(); });
  }

  int run() {
    http_.start();
    log_.line("info", listening_text(options_, http_.port()));
    wait_for_signal();
    std::thread io_thread([this] { io_.run(); });
    std::exception_ptr error;
    try {
      load_and_generate();
    } catch (...) {
      error = std::current_exception();
    }
    asio::post(io_, [this] { finish(); });
    io_thread.join();
    if (error) std::rethrow_exception(error);
    return 0;
  }

 private:
  HttpServerOptions with_callbacks(HttpServerOptions http) {
    http.on_slow_reader = [this] { metrics_.record_slow_reader(); };
    http.on_trouble = [this](std::string_view message) { log_.line("warning", message); };
    return http;
  }

  void note(std::string level, std::string message) {
    asio::post(io_, [this, level = std::move(level), message = std::move(message)] { log_.line(level, message); });
  }

  void load_and_generate() {
    model_.emplace(options_, progress_,
                   [this](std::string level, std::string message) { note(std::move(level), std::move(message)); });
    model_->engine().on_step([this](const StepRecord& step) { metrics_.record_step(step); });
    asio::post(io_, [this] { set_ready(); });
    model_->engine().run();
  }

  // From here on, on the I/O thread.

  void set_ready() {
    const ServedModel& model = model_->facts();
    metrics_.set_model_name(model.name);
    metrics_.set_bytes_per_second(model_->bytes_per_second());
    log_.set_fingerprint(model.fingerprint);
    log_.set_model_name(model.name);
    service_.set_ready(model_->parts(options_));
    log_.line("info", fmt::format("ready: {}, context {}, parallel {}, device {}", model.name, model.context,
                                  model_->engine().sequences_max(), model.device));
    if (service_.draining()) model_->engine().drain();
  }

  void wait_for_signal() {
    signals_.async_wait([this](ErrorCode error, int signal) {
      if (error) return;
      on_signal(signal);
      wait_for_signal();
    });
  }

  void on_signal(int signal) {
    const bool is_first = !service_.draining();
    service_.set_draining();
    if (!is_first) {
      log_.line("warning", "a second signal: ending at once");
      std::_Exit(128 + signal);
    }
    if (!service_.ready()) {
      log_.line("info", "stopped while loading the model");
      std::_Exit(0);
    }
    const EngineStats stats = service_.engine().stats();
    log_.line("info", fmt::format("draining: {} requests run, {} wait; at most {} seconds", stats.running,
                                  stats.waiting, options_.drain_timeout_s));
    service_.engine().drain();
    drain_timer_.expires_after(std::chrono::seconds(options_.drain_timeout_s));
    drain_timer_.async_wait([this](ErrorCode error) {
      if (error) return;
      log_.line("warning", "requests that did not end in time are cancelled");
      service_.engine().stop();
    });
  }

  // The engine has stopped, or never ran: the answers' last bytes go out, and that is all.
  void finish() {
    service_.set_draining();
    http_.drain([this] { io_.stop(); });
    drain_timer_.expires_after(kFlushTime);
    drain_timer_.async_wait([this](ErrorCode error) {
      if (!error) io_.stop();
    });
  }

  const ServeOptions options_;
  LoadProgress progress_;
  Metrics metrics_;
  RequestLog log_;
  std::optional<LoadedModel> model_;
  Router router_{openai_error_body};
  // After what handlers refer to: it ends those that are left.
  asio::io_context io_{1};
  ModelService service_;
  HttpServer http_;
  asio::signal_set signals_;
  asio::steady_timer drain_timer_;
};

}  // namespace

std::string listening_text(const ServeOptions& options, std::uint16_t port) {
  return fmt::format("listening on {}://{}", options.tls_certificate.empty() ? "http" : "https",
                     authority_text(options.host, std::to_string(port)));
}

int serve(const ServeOptions& options) {
  std::signal(SIGPIPE, SIG_IGN);
  if (options.model.path.empty()) return serve_by_name(options, http_options(options));
  Serving serving(options);
  return serving.run();
}

}  // namespace hearth
