// The metrics' page is read by a strict parser of the exposition format, and says what was recorded.
#include "server/telemetry/metrics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <thread>

#include "server/telemetry/metric_registry.h"

namespace hearth {
namespace {

using std::chrono::milliseconds;

struct Sample {
  std::string name;
  std::map<std::string, std::string> labels;
  double value = 0;
};

struct Family {
  std::string type, help;
  std::vector<Sample> samples;
};

// Reads a page of version 0.0.4 and fails the test for whatever the format, or good order, does not allow: a family
// without help or type, families in pieces, series that stand twice, histograms that do not add up.
class PageParser {
 public:
  std::map<std::string, Family> parse(const std::string& page) {
    EXPECT_TRUE(page.ends_with('\n'));
    std::istringstream lines(page);
    for (std::string line; std::getline(lines, line);) parse_line(line);
    for (const auto& [name, family] : families_) {
      if (family.type == "histogram") check_histogram(name, family);
    }
    return std::move(families_);
  }

 private:
  void parse_line(const std::string& line) {
    static const std::regex kHelp("# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)");
    static const std::regex kType("# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|histogram)");
    std::smatch match;
    if (std::regex_match(line, match, kHelp)) {
      ASSERT_FALSE(families_.contains(match[1])) << "twice: " << line;
      current_ = match[1];
      families_[current_].help = match[2];
      return;
    }
    ASSERT_FALSE(current_.empty()) << line;
    Family& family = families_[current_];
    if (std::regex_match(line, match, kType)) {
      ASSERT_EQ(match[1], current_);
      ASSERT_TRUE(family.type.empty() && family.samples.empty()) << line;
      family.type = match[2];
      return;
    }
    ASSERT_FALSE(family.type.empty()) << line;
    parse_sample(line, family);
  }

  void parse_sample(const std::string& line, Family& family) {
    Sample sample;
    std::size_t at = line.find_first_of("{ ");
    ASSERT_NE(at, std::string::npos) << line;
    sample.name = line.substr(0, at);
    if (line[at] == '{') at = parse_labels(line, at + 1, sample);
    ASSERT_LT(at, line.size()) << line;
    ASSERT_EQ(line[at], ' ') << line;
    const std::string number = line.substr(at + 1);
    static const std::regex kNumber("[-+]?(Inf|[0-9]+(\\.[0-9]+)?([eE][-+]?[0-9]+)?)|NaN");
    ASSERT_TRUE(std::regex_match(number, kNumber)) << line;
    sample.value = std::stod(number);
    const bool own_name = sample.name == current_;
    const bool part =
        family.type == "histogram" &&
        (sample.name == current_ + "_bucket" || sample.name == current_ + "_sum" || sample.name == current_ + "_count");
    ASSERT_TRUE(family.type == "histogram" ? part : own_name) << line;
    if (family.type == "counter") {
      ASSERT_TRUE(current_.ends_with("_total")) << line;
      ASSERT_GE(sample.value, 0) << line;
    }
    ASSERT_TRUE(series_.insert(line.substr(0, at)).second) << "twice: " << line;
    family.samples.push_back(std::move(sample));
  }

  // Returns the place behind the closing brace.
  std::size_t parse_labels(const std::string& line, std::size_t at, Sample& sample) {
    static const std::regex kLabel("[a-zA-Z_][a-zA-Z0-9_]*");
    for (;;) {
      const std::size_t equals = line.find("=\"", at);
      if (equals == std::string::npos) return line.size();
      const std::string name = line.substr(at, equals - at);
      EXPECT_TRUE(std::regex_match(name, kLabel)) << line;
      std::string value;
      for (at = equals + 2; at < line.size() && line[at] != '"'; ++at) {
        if (line[at] == '\\') {
          ++at;
          EXPECT_NE(std::string("\\\"n").find(line[at]), std::string::npos) << line;
          value += line[at] == 'n' ? '\n' : line[at];
        } else {
          value += line[at];
        }
      }
      EXPECT_TRUE(sample.labels.emplace(name, value).second) << line;
      ++at;
      if (at >= line.size() || line[at] == '}') return at + 1;
      EXPECT_EQ(line[at], ',') << line;
      ++at;
    }
  }

  static void check_histogram(const std::string& name, const Family& family) {
    double bound = -std::numeric_limits<double>::infinity(), count = 0, buckets_count = -1, total = -1;
    int sums = 0;
    for (const Sample& sample : family.samples) {
      if (sample.name == name + "_bucket") {
        ASSERT_TRUE(sample.labels.contains("le")) << name;
        const double next = std::stod(sample.labels.at("le"));
        ASSERT_GT(next, bound) << name;
        ASSERT_GE(sample.value, count) << name;
        bound = next;
        count = buckets_count = sample.value;
      } else if (sample.name == name + "_count") {
        total = sample.value;
      } else {
        ++sums;
      }
    }
    EXPECT_TRUE(std::isinf(bound)) << name;
    EXPECT_EQ(buckets_count, total) << name;
    EXPECT_EQ(sums, 1) << name;
  }

  std::map<std::string, Family> families_;
  std::set<std::string> series_;
  std::string current_;
};

std::map<std::string, Family> parse_page(const std::string& page) {
  return PageParser().parse(page);
}

double value_of(const std::map<std::string, Family>& page, const std::string& family, const std::string& name,
                const std::map<std::string, std::string>& labels = {}) {
  const auto found = page.find(family);
  if (found == page.end()) return std::nan("");
  for (const Sample& sample : found->second.samples) {
    bool all = sample.name == name;
    for (const auto& [label, value] : labels) {
      const auto at = sample.labels.find(label);
      all = all && at != sample.labels.end() && at->second == value;
    }
    if (all) return sample.value;
  }
  return std::nan("");
}

EngineClock::time_point at_ms(int ms) {
  return EngineClock::time_point{} + std::chrono::hours(1) + milliseconds(ms);
}

GeneratedToken token_at(int ms) {
  GeneratedToken token;
  token.time = at_ms(ms);
  return token;
}

GenerationEnd end_of(FinishReason reason) {
  GenerationEnd end;
  end.reason = reason;
  end.usage = {.prompt_tokens = 100, .cached_tokens = 64, .generated_tokens = 11};
  end.timeline.submitted = at_ms(0);
  end.timeline.admitted = at_ms(5);
  end.timeline.first_token = at_ms(30);
  end.timeline.finished = at_ms(130);
  return end;
}

std::map<std::string, Family> page_of(const Metrics& metrics) {
  EngineStats stats;
  stats.running = 3;
  stats.waiting = 2;
  stats.block_count = 200;
  stats.blocks_in_use = 50;
  stats.cached_blocks = 7;
  stats.prefix_queried_tokens = 1000;
  stats.prefix_hit_tokens = 640;
  stats.prompt_tokens = 360;
  stats.generated_tokens = 99;
  stats.preemptions = 4;
  stats.steps = 21;
  stats.scheduling_seconds = 0.25;
  stats.drafts = {.possible = true, .drafts = 9, .tokens = 40, .accepted = 12, .accepted_at = {7, 5}};
  Ledger ledger;
  ledger.launches["matmul"] = 12;
  ledger.launches["rope"] = 3;
  ledger.host_to_device_bytes = 1 << 20;
  ledger.device_to_host_bytes = 44;
  ledger.allocation_count = 5;
  ledger.graph_replay_count = 6;
  return parse_page(metrics.exposition(stats, ledger, 1'000'000));
}

TEST(MetricPage, EscapesAndWritesEveryKindOfNumber) {
  MetricPage page(MetricLabels{{"model_name", "a\"b\\c\nd"}});
  const std::string_view prefixes[] = {"x:"};
  page.gauge(prefixes, "infinite", "back\\slash\nand line", std::numeric_limits<double>::infinity());
  page.gauge(prefixes, "small", "help", 1e-9);
  EXPECT_EQ(page.text(),
            "# HELP x:infinite back\\\\slash\\nand line\n# TYPE x:infinite gauge\n"
            "x:infinite{model_name=\"a\\\"b\\\\c\\nd\"} +Inf\n"
            "# HELP x:small help\n# TYPE x:small gauge\nx:small{model_name=\"a\\\"b\\\\c\\nd\"} 1e-09\n");
  const auto parsed = parse_page(page.text());
  EXPECT_EQ(value_of(parsed, "x:small", "x:small", {{"model_name", "a\"b\\c\nd"}}), 1e-9);
}

TEST(MetricPage, HistogramBucketsHoldTheirBounds) {
  const double bounds[] = {1, 2, 5};
  Histogram histogram(bounds);
  for (const double value : {0.5, 1.0, 1.5, 2.0, 5.0, 5.1, 100.0}) histogram.observe(value);
  MetricPage page({});
  const std::string_view prefixes[] = {""};
  page.histogram(prefixes, "h", "help", histogram);
  EXPECT_EQ(page.text(),
            "# HELP h help\n# TYPE h histogram\nh_bucket{le=\"1\"} 2\nh_bucket{le=\"2\"} 4\nh_bucket{le=\"5\"} 5\n"
            "h_bucket{le=\"+Inf\"} 7\nh_sum 115.1\nh_count 7\n");
}

TEST(MetricPage, LabelsFromOutsideAreBounded) {
  LabeledCounter counter({"path"}, 2);
  for (const char* path : {"a", "b", "c", "d", "a"}) counter.add({path});
  EXPECT_EQ(counter.series().at({"a"}), 2u);
  EXPECT_EQ(counter.series().at({"other"}), 2u);
  EXPECT_EQ(counter.series().size(), 3u);
}

TEST(Metrics, HasTheNamesThatDashboardsLookFor) {
  Metrics metrics({.vllm_names = true, .model_name = "tiny", .bytes_per_second = 1e9});
  const auto page = page_of(metrics);
  for (const char* prefix : {"hearth:", "vllm:"}) {
    for (const char* name : {"num_requests_running",
                             "num_requests_waiting",
                             "kv_cache_usage_perc",
                             "gpu_cache_usage_perc",
                             "prefix_cache_queries_total",
                             "prefix_cache_hits_total",
                             "prompt_tokens_total",
                             "generation_tokens_total",
                             "num_preemptions_total",
                             "time_to_first_token_seconds",
                             "inter_token_latency_seconds",
                             "time_per_output_token_seconds",
                             "e2e_request_latency_seconds",
                             "request_queue_time_seconds",
                             "request_prefill_time_seconds",
                             "request_decode_time_seconds",
                             "request_inference_time_seconds",
                             "request_prompt_tokens",
                             "request_generation_tokens",
                             "iteration_tokens_total",
                             "request_success_total",
                             "spec_decode_num_drafts_total",
                             "spec_decode_num_draft_tokens_total",
                             "spec_decode_num_accepted_tokens_total",
                             "spec_decode_num_accepted_tokens_per_pos_total"}) {
      const auto found = page.find(std::string(prefix) + name);
      ASSERT_NE(found, page.end()) << prefix << name;
      for (const Sample& sample : found->second.samples) EXPECT_EQ(sample.labels.at("model_name"), "tiny");
    }
  }
  EXPECT_FALSE(page.contains("vllm:device_launches_total"));
  metrics.set_model_name("other");
  EXPECT_EQ(value_of(page_of(metrics), "hearth:steps_total", "hearth:steps_total", {{"model_name", "other"}}), 21);
}

TEST(Metrics, VllmNamesAreThereOnlyWhenAskedFor) {
  for (const auto& [name, family] : page_of(Metrics({.vllm_names = false, .model_name = "m", .bytes_per_second = 0}))) {
    EXPECT_FALSE(name.starts_with("vllm:")) << name;
    EXPECT_EQ(name.find("limit"), std::string::npos) << name;
  }
}

TEST(Metrics, TellsTheEngineAndTheLedger) {
  const auto page = page_of(Metrics({}));
  const auto value = [&](const std::string& name) { return value_of(page, "hearth:" + name, "hearth:" + name); };
  EXPECT_EQ(value("num_requests_running"), 3);
  EXPECT_EQ(value("num_requests_waiting"), 2);
  EXPECT_EQ(value("kv_cache_usage_perc"), 0.25);
  EXPECT_EQ(value("prefix_cache_hits_total"), 640);
  EXPECT_EQ(value("prompt_tokens_total"), 360);
  EXPECT_EQ(value("num_preemptions_total"), 4);
  EXPECT_EQ(value("spec_decode_num_drafts_total"), 9);
  EXPECT_EQ(value("spec_decode_num_draft_tokens_total"), 40);
  EXPECT_EQ(value("spec_decode_num_accepted_tokens_total"), 12);
  EXPECT_EQ(value("scheduling_seconds_total"), 0.25);
  EXPECT_EQ(value("device_host_to_device_bytes_total"), 1 << 20);
  EXPECT_EQ(value("device_allocations_total"), 5);
  const std::string launches = "hearth:device_launches_total";
  EXPECT_EQ(value_of(page, launches, launches, {{"kernel", "matmul"}}), 12);
  EXPECT_EQ(value_of(page, launches, launches, {{"kernel", "rope"}}), 3);
  EXPECT_GT(value_of(page, "process_resident_memory_bytes", "process_resident_memory_bytes"), 1 << 20);
  EXPECT_GE(value_of(page, "process_open_fds", "process_open_fds"), 3);
}

TEST(Metrics, CountsDroppedTraces) {
  Metrics metrics({});
  const std::string name = "hearth:traces_dropped_total";
  EXPECT_FALSE(page_of(metrics).contains(name));
  metrics.count_dropped_traces([] { return 17; });
  EXPECT_EQ(value_of(page_of(metrics), name, name), 17);
}

TEST(Metrics, TimesTokensAndRequests) {
  Metrics metrics({});
  metrics.record_token(token_at(30), at_ms(0), {});
  metrics.record_token(token_at(32), at_ms(0), at_ms(30));
  metrics.record_token(token_at(34), at_ms(0), at_ms(32));
  metrics.record_end(end_of(FinishReason::kStop));
  metrics.record_end(end_of(FinishReason::kContext));
  metrics.record_end(end_of(FinishReason::kCancelled));
  GenerationEnd never_ran = end_of(FinishReason::kFailed);
  never_ran.timeline.admitted = never_ran.timeline.first_token = {};
  metrics.record_end(never_ran);
  const auto page = page_of(metrics);
  const auto part = [&](const std::string& name, const std::string& what) {
    return value_of(page, "hearth:" + name, "hearth:" + name + what);
  };
  EXPECT_EQ(part("time_to_first_token_seconds", "_count"), 1);
  EXPECT_DOUBLE_EQ(part("time_to_first_token_seconds", "_sum"), 0.03);
  EXPECT_EQ(part("inter_token_latency_seconds", "_count"), 2);
  EXPECT_DOUBLE_EQ(part("inter_token_latency_seconds", "_sum"), 0.004);
  EXPECT_EQ(part("e2e_request_latency_seconds", "_count"), 2);
  EXPECT_DOUBLE_EQ(part("e2e_request_latency_seconds", "_sum"), 0.26);
  EXPECT_EQ(part("request_queue_time_seconds", "_count"), 3);
  EXPECT_DOUBLE_EQ(part("request_queue_time_seconds", "_sum"), 0.015);
  EXPECT_DOUBLE_EQ(part("request_prefill_time_seconds", "_sum"), 0.075);
  EXPECT_DOUBLE_EQ(part("request_decode_time_seconds", "_sum"), 0.2);
  EXPECT_DOUBLE_EQ(part("request_inference_time_seconds", "_sum"), 0.25);
  EXPECT_EQ(part("request_prompt_tokens", "_sum"), 200);
  EXPECT_EQ(part("request_generation_tokens", "_sum"), 22);
  const std::string ended = "hearth:request_success_total";
  for (const char* reason : {"stop", "length", "abort", "error"}) {
    EXPECT_EQ(value_of(page, ended, ended, {{"finished_reason", reason}}), 1) << reason;
  }
}

TEST(Metrics, CountsAnswersByRouteAndClass) {
  Metrics metrics({});
  metrics.record_http("/v1/completions", 200);
  metrics.record_http("/v1/completions", 204);
  metrics.record_http("/v1/completions", 404);
  for (int i = 0; i < 1000; ++i) metrics.record_http("/made/up/" + std::to_string(i), 404);
  metrics.record_refusal();
  metrics.record_slow_reader();
  metrics.record_slow_reader();
  const auto page = page_of(metrics);
  const std::string name = "hearth:http_responses_total";
  EXPECT_EQ(value_of(page, name, name, {{"route", "/v1/completions"}, {"status", "2xx"}}), 2);
  EXPECT_EQ(value_of(page, name, name, {{"route", "/v1/completions"}, {"status", "4xx"}}), 1);
  EXPECT_EQ(value_of(page, name, name, {{"route", "other"}, {"status", "4xx"}}), 1000);
  EXPECT_EQ(page.at(name).samples.size(), 3u);
  EXPECT_EQ(value_of(page, "hearth:requests_refused_total", "hearth:requests_refused_total"), 1);
  EXPECT_EQ(value_of(page, "hearth:slow_readers_dropped_total", "hearth:slow_readers_dropped_total"), 2);
}

TEST(Metrics, ShowsTheShareOfTheBandwidthLimit) {
  Metrics metrics({.vllm_names = false, .model_name = "m", .bytes_per_second = 1e9});
  const std::string name = "hearth:decode_bandwidth_limit_percent";
  EXPECT_EQ(value_of(page_of(metrics), name, name), 0);
  // A million bytes in 2 and in 3 ms, of a thousand million a second; prompts do not count.
  metrics.record_step({.prompt_tokens = 0, .decode_tokens = 8, .seconds = 0.002});
  metrics.record_step({.prompt_tokens = 64, .decode_tokens = 8, .seconds = 1});
  metrics.record_step({.prompt_tokens = 0, .decode_tokens = 8, .seconds = 0.003});
  EXPECT_NEAR(value_of(page_of(metrics), name, name), 40, 1e-9);
  // The window moves on.
  for (int i = 0; i < 300; ++i) metrics.record_step({.prompt_tokens = 0, .decode_tokens = 1, .seconds = 0.004});
  const auto page = page_of(metrics);
  EXPECT_NEAR(value_of(page, name, name), 25, 1e-9);
  EXPECT_EQ(value_of(page, "hearth:iteration_tokens_total", "hearth:iteration_tokens_total_count"), 303);
  EXPECT_EQ(value_of(page, "hearth:iteration_tokens_total", "hearth:iteration_tokens_total_sum"), 388);
}

TEST(Metrics, StepsAreRecordedFromAnotherThread) {
  Metrics metrics({});
  std::jthread engine([&] {
    for (int i = 0; i < 2000; ++i) metrics.record_step({.prompt_tokens = 0, .decode_tokens = 1, .seconds = 0.001});
  });
  for (int i = 0; i < 20; ++i) page_of(metrics);
  engine.join();
  EXPECT_EQ(value_of(page_of(metrics), "hearth:decode_step_seconds", "hearth:decode_step_seconds_count"), 2000);
}

}  // namespace
}  // namespace hearth
