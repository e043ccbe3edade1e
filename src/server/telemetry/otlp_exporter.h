// Sends each request's timeline to an OpenTelemetry collector: a span for the request, and below it one each for queue,
// prefill and decode. A thread of its own does the talking; where the collector is away or slow, traces are dropped and
// counted, and nobody waits.
//
// Format: OTLP/HTTP 1.x with JSON bodies, POST to ENDPOINT/v1/traces; attributes after the semantic conventions for
// generative AI (gen_ai.*).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/request.h"

namespace hearth {

struct OtlpOptions {
  std::string endpoint;          // "http://localhost:4318"; a path before /v1/traces may follow
  std::size_t queue_max = 2048;  // requests that wait to be sent; more are dropped
  std::size_t batch_max = 256;   // of one POST
  std::chrono::milliseconds interval{1000};
  std::chrono::milliseconds timeout{3000};  // of one POST
  // Hears, on the exporter's thread, of the first failure after a success.
  std::function<void(const std::string&)> on_failure;
};

struct RequestTrace {
  std::string id, api, model;
  std::chrono::system_clock::time_point started;  // the wall clock's time of timeline.submitted
  Timeline timeline;
  Usage usage;
  FinishReason reason = FinishReason::kStop;
  std::string error;
  std::int64_t token_count_max = -1;
  double temperature = 0, top_p = 0;
  std::uint64_t seed = 0;
};

// The spans of requests as a POST's body. `random_seed` draws the trace's and the spans' ids.
std::string otlp_body(const std::vector<RequestTrace>& traces, std::uint64_t random_seed);

class OtlpExporter {
 public:
  // Throws what parse_http_url does. Nobody is called yet.
  explicit OtlpExporter(OtlpOptions options);
  // Sends what waits, once, and then leaves it.
  ~OtlpExporter();
  OtlpExporter(const OtlpExporter&) = delete;
  OtlpExporter& operator=(const OtlpExporter&) = delete;

  void add(RequestTrace trace);
  std::int64_t sent_count() const;
  std::int64_t dropped_count() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hearth
