// What the server knows of its requests: those under way, the last ones that ended, a line in the log for each, and,
// where asked for, a file from which `hearth replay` derives every answer again. On the I/O thread.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/request.h"

namespace hearth {

struct RequestLogOptions {
  std::size_t recent_max = 256;       // requests that have ended and are still known
  bool json = false;                  // log lines as JSON objects
  bool quiet = false;                 // no line for a request
  std::filesystem::path replay_file;  // empty: none
  std::string fingerprint;            // what replayed bits depend on
  std::string otlp_endpoint;          // http://host:port of an OpenTelemetry collector; empty: none
};

class RequestLog {
 public:
  // Throws DeviceError where the replay file cannot be written, InvalidInput for an endpoint that is none.
  explicit RequestLog(RequestLogOptions options);
  ~RequestLog();

  void submitted(const Request& request, std::string_view api);
  void token(std::string_view id, const GeneratedToken& token);
  void ended(std::string_view id, const GenerationEnd& end);
  void set_fingerprint(std::string fingerprint);
  void set_model_name(std::string name);  // for OpenTelemetry

  // For GET /v1/requests/{id}: {"id", "state": "queued" | "running" | "finished" | "failed" | "cancelled", "api",
  // "priority", "prompt_tokens", "cached_tokens", "generated_tokens", "finish_reason", "error", "timings": {…}};
  // nullopt: not known (any more).
  std::optional<boost::json::object> find(std::string_view id) const;
  // For GET /traces: the recent requests' timelines, latest first: queue, prefill with its chunks, each decoding step.
  boost::json::array traces(std::size_t count_max) const;
  // A line that is about no single request: "listening on …".
  void line(std::string_view level, std::string_view message, const boost::json::object& fields = {});
  // Requests whose OpenTelemetry trace was dropped, because the collector was slow or away.
  std::int64_t dropped_trace_count() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hearth
