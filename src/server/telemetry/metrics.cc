#include "server/telemetry/metrics.h"

#include <fmt/format.h>

#include <array>
#include <deque>
#include <functional>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include "base/check.h"
#include "server/telemetry/metric_registry.h"
#include "server/telemetry/process_metrics.h"

namespace hearth {
namespace {

constexpr std::array kFirstTokenBounds = {0.001, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1,  0.25,  0.5,
                                          0.75,  1.0,    2.5,   5.0,  7.5,  10.0, 20.0, 40.0, 80.0, 160.0, 640.0};
// Small models answer in less than a millisecond a token, so the finest bucket is a tenth of one.
constexpr std::array kInterTokenBounds = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.0075, 0.01, 0.015,
                                          0.02,   0.03,    0.04,   0.05,  0.075,  0.1,   0.15,   0.2,  0.3,
                                          0.4,    0.5,     0.75,   1.0,   2.5,    5.0,   10.0,   20.0};
constexpr std::array kRequestTimeBounds = {0.001, 0.01, 0.05, 0.1,   0.3,   0.5,   0.8,   1.0,
                                           1.5,   2.0,  2.5,  5.0,   10.0,  15.0,  20.0,  30.0,
                                           40.0,  50.0, 60.0, 120.0, 240.0, 480.0, 960.0, 1920.0};
constexpr std::array kTokenCountBounds = {1.0,    2.0,    5.0,    10.0,    20.0,    50.0,    100.0,    200.0,   500.0,
                                          1000.0, 2000.0, 5000.0, 10000.0, 20000.0, 50000.0, 100000.0, 200000.0};
constexpr std::array kStepTokenBounds = {1.0,   8.0,    16.0,   32.0,   64.0,   128.0,  256.0,
                                         512.0, 1024.0, 2048.0, 4096.0, 8192.0, 16384.0};

constexpr std::size_t kRoutesMax = 128;

// The decoding steps that the live percentage is taken over.
constexpr std::size_t kWindowSteps = 256;
constexpr std::chrono::seconds kWindowTime{30};

// The four reasons that dashboards know.
std::string_view finished_reason(FinishReason reason) {
  switch (reason) {
    case FinishReason::kStop:
      return "stop";
    case FinishReason::kLength:
    case FinishReason::kContext:
      return "length";
    case FinishReason::kCancelled:
    case FinishReason::kDeadline:
      return "abort";
    case FinishReason::kFailed:
      return "error";
  }
  CHECK(false);
}

// What the engine's thread tells.
struct Steps {
  Histogram tokens{kStepTokenBounds};
  Histogram decode_seconds{kInterTokenBounds};
  Histogram mixed_seconds{kInterTokenBounds};
  struct Decode {
    EngineClock::time_point time;
    double seconds;
  };
  std::deque<Decode> window;  // the last steps that only decoded
};

// What the I/O thread tells, of requests.
struct Requests {
  Histogram first_token{kFirstTokenBounds};
  Histogram inter_token{kInterTokenBounds};
  Histogram whole{kRequestTimeBounds};
  Histogram queue{kRequestTimeBounds};
  Histogram prefill{kRequestTimeBounds};
  Histogram decode{kRequestTimeBounds};
  Histogram inference{kRequestTimeBounds};
  Histogram prompt_tokens{kTokenCountBounds};
  Histogram generated_tokens{kTokenCountBounds};
  LabeledCounter finished{{"finished_reason"}, 4};
  LabeledCounter responses{{"route", "status"}, kRoutesMax};
  std::set<std::string, std::less<>> routes;  // that were answered other than with 401 and 404
  std::uint64_t slow_readers = 0, refusals = 0;
};

constexpr std::array<std::string_view, 2> kBothPrefixes = {"hearth:", "vllm:"};
constexpr MetricPage::Prefixes kOwnPrefix = MetricPage::Prefixes(kBothPrefixes).first(1);
constexpr std::array<std::string_view, 1> kNoPrefix = {""};

void write_engine(MetricPage& page, MetricPage::Prefixes shared, const EngineStats& stats) {
  const double block_share =
      stats.block_count > 0 ? static_cast<double>(stats.blocks_in_use) / static_cast<double>(stats.block_count) : 0;
  const auto gauge = [&](std::string_view name, std::string_view help, double value) {
    page.gauge(shared, name, help, value);
  };
  const auto counter = [&](std::string_view name, std::string_view help, std::int64_t value) {
    page.counter(shared, name, help, static_cast<double>(value));
  };
  gauge("num_requests_running", "Requests that have a place in the batch.", static_cast<double>(stats.running));
  gauge("num_requests_waiting", "Requests that wait for one.", static_cast<double>(stats.waiting));
  gauge("kv_cache_usage_perc", "Cache blocks that a request holds, as a share of all; 1 is full.", block_share);
  gauge("gpu_cache_usage_perc", "The older name of kv_cache_usage_perc.", block_share);
  counter("prefix_cache_queries_total", "Prompt tokens that were looked up in the prefix cache.",
          stats.prefix_queried_tokens);
  counter("prefix_cache_hits_total", "Prompt tokens that were found there and not computed again.",
          stats.prefix_hit_tokens);
  counter("prompt_tokens_total", "Prompt tokens computed.", stats.prompt_tokens);
  counter("generation_tokens_total", "Tokens chosen.", stats.generated_tokens);
  counter("num_preemptions_total", "Requests that gave their blocks back and were computed again.", stats.preemptions);
}

void write_drafts(MetricPage& page, MetricPage::Prefixes shared, const EngineStats::Drafts& drafts) {
  const auto counter = [&](std::string_view name, std::string_view help, std::int64_t value) {
    page.counter(shared, name, help, static_cast<double>(value));
  };
  page.gauge(kOwnPrefix, "spec_decode_possible", "Whether tokens may be computed before they are chosen: 0 or 1.",
             drafts.possible ? 1 : 0);
  if (!drafts.possible) return;
  counter("spec_decode_num_drafts_total", "Drafts: of one request in one step.", drafts.drafts);
  counter("spec_decode_num_draft_tokens_total", "Tokens computed before they were chosen.", drafts.tokens);
  counter("spec_decode_num_accepted_tokens_total", "Those of them that were chosen.", drafts.accepted);
  LabeledCounter by_position({"position"}, drafts.accepted_at.size());
  for (std::size_t i = 0; i < drafts.accepted_at.size(); ++i) {
    if (i > 0 && drafts.accepted_at[i] == 0) break;  // as long as no draft was so long
    by_position.add({std::to_string(i)}, static_cast<std::uint64_t>(drafts.accepted_at[i]));
  }
  page.counter(shared, "spec_decode_num_accepted_tokens_per_pos_total", "The same, by their place in the draft.",
               by_position);
}

void write_requests(MetricPage& page, MetricPage::Prefixes shared, const Requests& requests) {
  const auto histogram = [&](std::string_view name, std::string_view help, const Histogram& values) {
    page.histogram(shared, name, help, values);
  };
  histogram("time_to_first_token_seconds", "From a request's arrival to its first token.", requests.first_token);
  histogram("inter_token_latency_seconds", "From one token of a request to the next.", requests.inter_token);
  histogram("time_per_output_token_seconds", "The older name of inter_token_latency_seconds.", requests.inter_token);
  histogram("e2e_request_latency_seconds", "From arrival to end, of requests that were answered.", requests.whole);
  histogram("request_queue_time_seconds", "From arrival to the first step.", requests.queue);
  histogram("request_prefill_time_seconds", "From the first step to the first token.", requests.prefill);
  histogram("request_decode_time_seconds", "From the first token to the end.", requests.decode);
  histogram("request_inference_time_seconds", "From the first step to the end.", requests.inference);
  histogram("request_prompt_tokens", "Prompt tokens of a request.", requests.prompt_tokens);
  histogram("request_generation_tokens", "Tokens of an answer.", requests.generated_tokens);
  page.counter(shared, "request_success_total", "Requests that ended, by reason.", requests.finished);
}

void write_own(MetricPage& page, const Requests& requests, const EngineStats& stats) {
  const auto number = [](std::int64_t value) { return static_cast<double>(value); };
  page.counter(kOwnPrefix, "requests_refused_total", "Requests that were answered 429.",
               static_cast<double>(requests.refusals));
  page.counter(kOwnPrefix, "slow_readers_dropped_total", "Generations that ended because their client read too slowly.",
               static_cast<double>(requests.slow_readers));
  page.counter(kOwnPrefix, "http_responses_total", "Answers, by route and class of status.", requests.responses);
  page.gauge(kOwnPrefix, "kv_cache_blocks", "Blocks of the key/value cache.", number(stats.block_count));
  page.gauge(kOwnPrefix, "kv_cache_blocks_in_use", "Those that a request holds.", number(stats.blocks_in_use));
  page.gauge(kOwnPrefix, "kv_cache_blocks_cached", "Those kept only for prompts to come.", number(stats.cached_blocks));
  if (stats.checkpoint_count > 0) {
    page.gauge(kOwnPrefix, "state_checkpoints", "Room for states that prompts to come may begin with.",
               number(stats.checkpoint_count));
    page.gauge(kOwnPrefix, "state_checkpoints_kept", "Those that are there.", number(stats.kept_checkpoints));
  }
  page.counter(kOwnPrefix, "steps_total", "Steps carried out.", number(stats.steps));
  page.counter(kOwnPrefix, "scheduling_seconds_total", "Time spent on planning and committing steps.",
               stats.scheduling_seconds);
}

void write_ledger(MetricPage& page, const Ledger& ledger) {
  const auto number = [](std::int64_t value) { return static_cast<double>(value); };
  LabeledCounter launches({"kernel"}, ledger.launches.size());
  for (const auto& [kernel, count] : ledger.launches) {
    launches.add({std::string(kernel)}, static_cast<std::uint64_t>(count));
  }
  page.counter(kOwnPrefix, "device_launches_total", "Kernels launched, by name.", launches);
  page.counter(kOwnPrefix, "device_graph_replays_total", "Recorded steps replayed.", number(ledger.graph_replay_count));
  page.counter(kOwnPrefix, "device_host_to_device_bytes_total", "Bytes copied from host to device.",
               number(ledger.host_to_device_bytes));
  page.counter(kOwnPrefix, "device_device_to_host_bytes_total", "Bytes copied from device to host.",
               number(ledger.device_to_host_bytes));
  page.counter(kOwnPrefix, "device_allocations_total", "Allocations of device memory; flat once the server is ready.",
               number(ledger.allocation_count));
  page.gauge(kOwnPrefix, "device_allocated_bytes", "Device memory allocated now.", number(ledger.allocated_bytes));
  page.gauge(kOwnPrefix, "device_pinned_weight_bytes", "Host memory pinned now for experts' weights.",
             number(ledger.pinned_weight_bytes));
  page.counter(kOwnPrefix, "device_host_read_bytes_total",
               "Bytes of pinned host memory that kernels read where they are, at most.",
               number(ledger.host_read_bytes));
}

void write_process(MetricPage& page) {
  const ProcessMetrics process = read_process_metrics();
  page.gauge(kNoPrefix, "process_resident_memory_bytes", "Resident memory.",
             static_cast<double>(process.resident_bytes));
  page.gauge(kNoPrefix, "process_open_fds", "Open file descriptors.", static_cast<double>(process.open_file_count));
  page.counter(kNoPrefix, "process_cpu_seconds_total", "User and system time.", process.cpu_seconds);
}

}  // namespace

class Metrics::Impl {
 public:
  explicit Impl(MetricsOptions given) : options(std::move(given)) {
    // A series that appears with its first event has no rate at that event.
    for (const char* reason : {"stop", "length", "abort", "error"}) requests.finished.add({reason}, 0);
  }

  void write_steps(MetricPage& page, MetricPage::Prefixes shared, std::int64_t weight_bytes) const {
    Steps copy;
    {
      const std::lock_guard lock(mutex);
      copy = steps;
    }
    page.histogram(shared, "iteration_tokens_total", "Tokens of a step.", copy.tokens);
    page.histogram(kOwnPrefix, "decode_step_seconds", "Time of a step that only decodes.", copy.decode_seconds);
    page.histogram(kOwnPrefix, "prompt_step_seconds", "Time of a step that also computes prompts.", copy.mixed_seconds);
    if (options.bytes_per_second <= 0) return;
    page.gauge(kOwnPrefix, "memory_limit_bytes_per_second", "What the memory can read.", options.bytes_per_second);
    page.gauge(kOwnPrefix, "decode_bandwidth_limit_percent",
               "Weights read by the last decoding steps, as a percentage of what the memory can read; 0 while idle.",
               limit_percent(copy, weight_bytes));
  }

  double limit_percent(const Steps& copy, std::int64_t weight_bytes) const {
    const EngineClock::time_point oldest = EngineClock::now() - kWindowTime;
    double seconds = 0, count = 0;
    for (const Steps::Decode& step : copy.window) {
      if (step.time < oldest) continue;
      seconds += step.seconds;
      ++count;
    }
    if (seconds <= 0) return 0;
    return 100 * static_cast<double>(weight_bytes) * count / seconds / options.bytes_per_second;
  }

  MetricsOptions options;
  Requests requests;
  std::function<std::int64_t()> dropped_traces;
  mutable std::mutex mutex;  // of `steps`
  Steps steps;
};

Metrics::Metrics(MetricsOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}

Metrics::~Metrics() = default;

void Metrics::record_token(const GeneratedToken& token, EngineClock::time_point submitted,
                           EngineClock::time_point previous_token) {
  if (reached(previous_token)) {
    impl_->requests.inter_token.observe(seconds_between(previous_token, token.time));
  } else {
    impl_->requests.first_token.observe(seconds_between(submitted, token.time));
  }
}

void Metrics::record_end(const GenerationEnd& end, bool is_complete) {
  Requests& requests = impl_->requests;
  const Timeline& times = end.timeline;
  const bool has_stopped = is_complete && end.reason == FinishReason::kCancelled;
  const std::string_view reason = finished_reason(has_stopped ? FinishReason::kStop : end.reason);
  requests.finished.add({std::string(reason)});
  if (reached(times.admitted)) requests.queue.observe(seconds_between(times.submitted, times.admitted));
  if (reached(times.first_token)) requests.prefill.observe(seconds_between(times.admitted, times.first_token));
  // A request cut short says nothing of how long an answer takes.
  if (reason == "abort" || reason == "error") return;
  if (reached(times.first_token)) requests.decode.observe(seconds_between(times.first_token, times.finished));
  if (reached(times.admitted)) requests.inference.observe(seconds_between(times.admitted, times.finished));
  requests.whole.observe(seconds_between(times.submitted, times.finished));
  requests.prompt_tokens.observe(static_cast<double>(end.usage.prompt_tokens));
  requests.generated_tokens.observe(static_cast<double>(end.usage.generated_tokens));
}

void Metrics::record_http(std::string_view route, unsigned status) {
  // Paths that nobody serves, or asked for without a key, could be anything.
  Requests& requests = impl_->requests;
  const bool unknown = (status == 404 || status == 401) && !requests.routes.contains(route);
  if (!unknown && requests.routes.size() < kRoutesMax) requests.routes.emplace(route);
  requests.responses.add({unknown ? "other" : std::string(route), fmt::format("{}xx", status / 100)});
}

void Metrics::record_slow_reader() {
  ++impl_->requests.slow_readers;
}

void Metrics::record_refusal() {
  ++impl_->requests.refusals;
}

void Metrics::count_dropped_traces(std::function<std::int64_t()> count) {
  impl_->dropped_traces = std::move(count);
}

void Metrics::record_step(const StepRecord& step) {
  const EngineClock::time_point now = EngineClock::now();
  const std::lock_guard lock(impl_->mutex);
  Steps& steps = impl_->steps;
  steps.tokens.observe(static_cast<double>(step.prompt_tokens + step.decode_tokens));
  if (step.prompt_tokens > 0) {
    steps.mixed_seconds.observe(step.seconds);
    return;
  }
  steps.decode_seconds.observe(step.seconds);
  steps.window.push_back({now, step.seconds});
  if (steps.window.size() > kWindowSteps) steps.window.pop_front();
}

std::string Metrics::exposition(const EngineStats& stats, const Ledger& ledger, std::int64_t weight_bytes) const {
  const MetricPage::Prefixes shared = MetricPage::Prefixes(kBothPrefixes).first(impl_->options.vllm_names ? 2 : 1);
  MetricPage page(MetricLabels{{"model_name", impl_->options.model_name}});
  write_engine(page, shared, stats);
  write_drafts(page, shared, stats.drafts);
  write_requests(page, shared, impl_->requests);
  impl_->write_steps(page, shared, weight_bytes);
  write_own(page, impl_->requests, stats);
  if (impl_->dropped_traces) {
    page.counter(kOwnPrefix, "traces_dropped_total", "OpenTelemetry traces that the collector did not take.",
                 static_cast<double>(impl_->dropped_traces()));
  }
  write_ledger(page, ledger);
  MetricPage process({});
  write_process(process);
  return page.text() + process.text();
}

void Metrics::set_bytes_per_second(double limit) {
  impl_->options.bytes_per_second = limit;
}

void Metrics::set_model_name(std::string name) {
  impl_->options.model_name = std::move(name);
}

}  // namespace hearth
