// What the server counts and times, as Prometheus text: under the names that dashboards for vLLM know, with the prefix
// "hearth:". Every call is on the I/O thread, but for record_step(), which is the engine's.
//
// Format: the Prometheus text exposition, version 0.0.4.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "engine/engine.h"

namespace hearth {

struct MetricsOptions {
  bool vllm_names = false;      // the same under "vllm:" as well
  std::string model_name;       // the label model_name
  double bytes_per_second = 0;  // the memory's measured or known limit; 0: unknown, and no percentage is shown
};

class Metrics {
 public:
  explicit Metrics(MetricsOptions options);
  ~Metrics();

  void record_token(const GeneratedToken& token, EngineClock::time_point submitted,
                    EngineClock::time_point previous_token);  // the epoch: it is the first
  // `is_complete`: it was cancelled because the answer was there, and has stopped as it should.
  void record_end(const GenerationEnd& end, bool is_complete = false);
  void record_http(std::string_view route, unsigned status);
  // A generation that the client's slowness ended, or one refused with 429.
  void record_slow_reader();
  void record_refusal();
  // Who knows how many OpenTelemetry traces were dropped; asked on the I/O thread.
  void count_dropped_traces(std::function<std::int64_t()> count);
  // On the engine's thread.
  void record_step(const StepRecord& step);

  // The page. `weight_bytes`: what one decoding step reads of weights.
  std::string exposition(const EngineStats& stats, const Ledger& ledger, std::int64_t weight_bytes) const;
  void set_model_name(std::string name);
  void set_bytes_per_second(double limit);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hearth
