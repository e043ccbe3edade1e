// What a load test found, and its three forms: a table for readers, JSON and Markdown.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "commands/bench/bench_report.h"
#include "commands/traffic/traffic_client.h"
#include "commands/traffic/traffic_plan.h"

namespace hearth {

// Of times in seconds; the p-th percentile is the smallest value that at least p % do not exceed.
struct Percentiles {
  std::int64_t count = 0;
  double mean = 0, p50 = 0, p90 = 0, p99 = 0, max = 0;
};
Percentiles percentiles(std::vector<float> seconds);

// The same requests under load and one at a time.
struct LoadComparison {
  std::int64_t identical = 0, different = 0, failed = 0;
  std::vector<std::int64_t> first_different;  // indices of requests, at most a few
};

struct LoadReport {
  std::string version;  // of this program
  std::string server;
  LoadPlanOptions plan;
  std::int64_t concurrency = 0;  // most requests at once that were asked for; with a rate, that there were

  std::int64_t requests = 0, completed = 0;
  double seconds = 0;  // from the first request to the last answer
  std::int64_t prompt_tokens = 0, cached_tokens = 0, output_tokens = 0;
  Percentiles first_token, between_tokens, per_token, whole;
  struct Failure {
    std::int64_t count = 0;
    std::string example;
  };
  std::map<std::string, Failure> failures;  // by kind
  std::optional<LoadComparison> comparison;

  // Counts and times; percentiles come with finish().
  void add(const LoadOutcome& outcome);
  void finish(double seconds_in_all);

 private:
  std::vector<float> first_token_seconds_, between_seconds_, per_token_seconds_, whole_seconds_;
};

// With a line break at the end. Throws InvalidInput for CSV.
std::string format_load_report(const LoadReport& report, BenchOutput output);

}  // namespace hearth
