#include "server/telemetry/otlp_exporter.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <random>
#include <thread>
#include <utility>

#include "server/http/http_url.h"
#include "server/telemetry/name_lookup.h"

namespace hearth {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

// Numbers of the protocol's enumerations.
constexpr int kSpanKindInternal = 1, kSpanKindServer = 2;
constexpr int kStatusError = 2;

boost::json::object attribute(std::string_view name, boost::json::object value) {
  return {{"key", name}, {"value", std::move(value)}};
}

boost::json::object text_attribute(std::string_view name, std::string_view value) {
  return attribute(name, {{"stringValue", value}});
}

// Integers of 64 bits are strings in the protocol's JSON.
boost::json::object integer_attribute(std::string_view name, std::int64_t value) {
  return attribute(name, {{"intValue", std::to_string(value)}});
}

boost::json::object number_attribute(std::string_view name, double value) {
  return attribute(name, {{"doubleValue", value}});
}

// The spans of one request.
class SpanWriter {
 public:
  SpanWriter(const RequestTrace& trace, std::mt19937_64& random) : trace_(trace), random_(random) {
    trace_id_ = fmt::format("{:016x}{:016x}", random_(), random_());
  }

  void write(boost::json::array& spans) {
    const Timeline& times = trace_.timeline;
    const std::string root_id = span_id();
    boost::json::object root = span(root_id, "", fmt::format("{} {}", operation(), trace_.model), kSpanKindServer,
                                    times.submitted, times.finished);
    root["attributes"] = root_attributes();
    if (trace_.reason == FinishReason::kFailed) root["status"] = {{"code", kStatusError}, {"message", trace_.error}};
    spans.push_back(std::move(root));
    const auto child = [&](std::string_view name, EngineClock::time_point from, EngineClock::time_point to) {
      spans.push_back(span(span_id(), root_id, name, kSpanKindInternal, from, to));
    };
    child("queue", times.submitted, reached(times.admitted) ? times.admitted : times.finished);
    if (!reached(times.admitted)) return;
    child("prefill", times.admitted, reached(times.first_token) ? times.first_token : times.finished);
    if (reached(times.first_token)) child("decode", times.first_token, times.finished);
  }

 private:
  std::string_view operation() const {
    return trace_.api.find("chat") != std::string::npos || trace_.api.find("messages") != std::string::npos ||
                   trace_.api.find("responses") != std::string::npos
               ? "chat"
               : "text_completion";
  }

  std::string span_id() { return fmt::format("{:016x}", random_()); }

  std::string unix_nanoseconds(EngineClock::time_point time) const {
    const auto wall = trace_.started.time_since_epoch() + (time - trace_.timeline.submitted);
    return std::to_string(std::chrono::duration_cast<std::chrono::nanoseconds>(wall).count());
  }

  boost::json::object span(const std::string& id, const std::string& parent, std::string_view name, int kind,
                           EngineClock::time_point from, EngineClock::time_point to) const {
    boost::json::object json{{"traceId", trace_id_},
                             {"spanId", id},
                             {"name", name},
                             {"kind", kind},
                             {"startTimeUnixNano", unix_nanoseconds(from)},
                             {"endTimeUnixNano", unix_nanoseconds(to)}};
    if (!parent.empty()) json["parentSpanId"] = parent;
    return json;
  }

  boost::json::array root_attributes() const {
    boost::json::array attributes{text_attribute("gen_ai.operation.name", operation()),
                                  text_attribute("gen_ai.provider.name", "hearth"),
                                  text_attribute("gen_ai.request.model", trace_.model),
                                  text_attribute("gen_ai.response.id", trace_.id),
                                  text_attribute("http.route", trace_.api),
                                  number_attribute("gen_ai.request.temperature", trace_.temperature),
                                  number_attribute("gen_ai.request.top_p", trace_.top_p),
                                  text_attribute("hearth.request.seed", std::to_string(trace_.seed)),
                                  integer_attribute("gen_ai.usage.input_tokens", trace_.usage.prompt_tokens),
                                  integer_attribute("gen_ai.usage.output_tokens", trace_.usage.generated_tokens),
                                  integer_attribute("hearth.usage.cached_tokens", trace_.usage.cached_tokens),
                                  integer_attribute("hearth.preemptions", trace_.timeline.preemption_count)};
    if (trace_.token_count_max >= 0) {
      attributes.push_back(integer_attribute("gen_ai.request.max_tokens", trace_.token_count_max));
    }
    const boost::json::array reasons{boost::json::object{{"stringValue", finish_reason_name(trace_.reason)}}};
    attributes.push_back(
        attribute("gen_ai.response.finish_reasons", {{"arrayValue", boost::json::object{{"values", reasons}}}}));
    return attributes;
  }

  const RequestTrace& trace_;
  std::mt19937_64& random_;
  std::string trace_id_;
};

// The answer's status; throws boost::system::system_error where there is none.
asio::awaitable<unsigned> post(NameLookup::Addresses addresses, HttpUrl target, std::string body,
                               std::chrono::milliseconds timeout) {
  const auto executor = co_await asio::this_coro::executor;
  beast::tcp_stream stream(executor);
  stream.expires_after(timeout);
  co_await stream.async_connect(addresses, asio::use_awaitable);
  http::request<http::string_body> request(http::verb::post, target.path + "/v1/traces", 11);
  request.set(http::field::host, fmt::format("{}:{}", target.host, target.port));
  request.set(http::field::content_type, "application/json");
  request.set(http::field::connection, "close");
  request.body() = std::move(body);
  request.prepare_payload();
  co_await http::async_write(stream, request, asio::use_awaitable);
  beast::flat_buffer buffer;
  http::response<http::string_body> response;
  co_await http::async_read(stream, buffer, response, asio::use_awaitable);
  co_return response.result_int();
}

}  // namespace

std::string otlp_body(const std::vector<RequestTrace>& traces, std::uint64_t random_seed) {
  std::mt19937_64 random(random_seed);
  boost::json::array spans;
  for (const RequestTrace& trace : traces) SpanWriter(trace, random).write(spans);
  const boost::json::object scope_spans{{"scope", boost::json::object{{"name", "hearth"}}},
                                        {"spans", std::move(spans)}};
  const boost::json::array attributes{text_attribute("service.name", "hearth")};
  const boost::json::object resource_spans{{"resource", boost::json::object{{"attributes", attributes}}},
                                           {"scopeSpans", boost::json::array{scope_spans}}};
  return boost::json::serialize(boost::json::object{{"resourceSpans", boost::json::array{resource_spans}}});
}

class OtlpExporter::Impl {
 public:
  explicit Impl(OtlpOptions given)
      : options(std::move(given)),
        target(parse_http_url(options.endpoint, "the OpenTelemetry endpoint", "4318")),
        thread([this] { run(); }) {}

  ~Impl() {
    {
      const std::lock_guard lock(mutex);
      stopping = true;
    }
    changed.notify_all();
    thread.join();
  }

  void add(RequestTrace trace) {
    const std::lock_guard lock(mutex);
    if (waiting.size() >= options.queue_max) {
      ++dropped;
      return;
    }
    waiting.push_back(std::move(trace));
    if (waiting.size() >= options.batch_max) changed.notify_all();
  }

  std::int64_t count(const std::int64_t& counter) const {
    const std::lock_guard lock(mutex);
    return counter;
  }

 private:
  void run() {
    std::uint64_t seed = std::random_device{}();
    std::unique_lock lock(mutex);
    for (;;) {
      changed.wait_for(lock, options.interval, [&] { return stopping || waiting.size() >= options.batch_max; });
      const bool last = stopping;
      std::vector<RequestTrace> batch;
      while (!waiting.empty() && batch.size() < options.batch_max) {
        batch.push_back(std::move(waiting.front()));
        waiting.pop_front();
      }
      if (!batch.empty()) {
        lock.unlock();
        const bool taken = send(otlp_body(batch, seed = seed * 6364136223846793005u + 1442695040888963407u));
        lock.lock();
        (taken ? sent : dropped) += static_cast<std::int64_t>(batch.size());
      }
      if (last) {
        dropped += static_cast<std::int64_t>(waiting.size());
        return;
      }
    }
  }

  bool send(std::string body) {
    std::string error;
    try {
      const NameLookup::Addresses addresses = lookup.find(target, options.timeout);
      asio::io_context context(1);
      unsigned status = 0;
      std::exception_ptr failure;
      asio::co_spawn(context, post(addresses, target, std::move(body), options.timeout),
                     [&](std::exception_ptr e, unsigned s) {
                       failure = e;
                       status = s;
                     });
      context.run();
      if (failure) std::rethrow_exception(failure);
      if (status / 100 != 2) error = fmt::format("it answered {}", status);
    } catch (const std::exception& exception) {
      error = exception.what();
    }
    if (!error.empty() && !failing && options.on_failure) {
      options.on_failure(
          fmt::format("the OpenTelemetry collector at {} does not take traces: {}", options.endpoint, error));
    }
    failing = !error.empty();
    return !failing;
  }

 public:
  OtlpOptions options;
  HttpUrl target;
  mutable std::mutex mutex;
  std::condition_variable changed;
  std::deque<RequestTrace> waiting;
  std::int64_t sent = 0, dropped = 0;
  bool stopping = false;

 private:
  bool failing = false;  // of the exporter's thread
  NameLookup lookup;     // likewise
  std::thread thread;    // last: it uses all of the above
};

OtlpExporter::OtlpExporter(OtlpOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}

OtlpExporter::~OtlpExporter() = default;

void OtlpExporter::add(RequestTrace trace) {
  impl_->add(std::move(trace));
}

std::int64_t OtlpExporter::sent_count() const {
  return impl_->count(impl_->sent);
}

std::int64_t OtlpExporter::dropped_count() const {
  return impl_->count(impl_->dropped);
}

}  // namespace hearth
