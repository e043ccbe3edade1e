// What a benchmark found, and its four forms: a table for readers, JSON, CSV and Markdown.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "commands/bench/bench_runner.h"

namespace hearth {

struct Statistics {
  double mean = 0;
  double deviation = 0;  // of the sample; 0 for a single value
  double min = 0;
  double max = 0;
};
Statistics statistics(std::span<const double> values);  // at least one

struct BenchDevice {
  std::string id;  // "cpu", "cuda:0"
  std::string description;
  std::string_view compute;  // "bf16"
  std::int64_t step_tokens = 0;
  DeviceLimits limits;
};

struct BenchResult {
  std::size_t device = 0;  // index into BenchReport::devices
  BenchCase bench_case;
  std::vector<double> seconds;  // of each repetition
  double needed = 0;            // operations of a prefill, bytes of a decode, once

  std::int64_t token_count() const { return bench_case.tokens * bench_case.batch; }
  Statistics tokens_per_second() const;
};

struct BenchReport {
  std::string version;  // of the program
  std::string model;
  std::int64_t parameter_count = 0;
  std::int64_t weight_bytes = 0;  // in the file's formats
  bool shared_depth = false;
  std::vector<BenchDevice> devices;
  std::vector<BenchResult> results;

  // Mean speed as a percentage of the device's limit: of arithmetic for prefill, of bandwidth for decode; nullopt where
  // the limit was not measured.
  std::optional<double> limit_percent(const BenchResult& result) const;
  // Times as fast as the first device in the same case; nullopt for that device itself.
  std::optional<double> times_first_device(const BenchResult& result) const;
};

enum class BenchOutput : std::uint8_t { kTable, kJson, kCsv, kMarkdown };
// Throws InvalidInput, listing the forms.
BenchOutput parse_bench_output(std::string_view name);

// The report's text, with a line break at the end. Results stand case by case, devices next to each other.
std::string format_report(const BenchReport& report, BenchOutput output);

}  // namespace hearth
