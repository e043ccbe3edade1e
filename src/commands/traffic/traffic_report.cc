#include "commands/traffic/traffic_report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cmath>
#include <numeric>

#include "base/error.h"

namespace hearth {
namespace {

float seconds_between(LoadOutcome::Clock::time_point from, LoadOutcome::Clock::time_point to) {
  return std::chrono::duration<float>(to - from).count();
}

struct TimeRow {
  std::string_view name, json_name;
  const Percentiles* values;
};

std::vector<TimeRow> time_rows(const LoadReport& report) {
  return {{"first token", "time_to_first_token_seconds", &report.first_token},
          {"between pieces", "between_pieces_seconds", &report.between_tokens},
          {"per token", "time_per_token_seconds", &report.per_token},
          {"end to end", "end_to_end_seconds", &report.whole}};
}

std::string length_text(LoadLength length) {
  return length.spread > 0 ? fmt::format("{} ± {}", length.value, length.spread) : fmt::format("{}", length.value);
}

double rate(std::int64_t count, double seconds) {
  return seconds > 0 ? static_cast<double>(count) / seconds : 0;
}

std::vector<std::string> introduction(const LoadReport& report) {
  const LoadPlanOptions& plan = report.plan;
  const bool chat = plan.endpoint == LoadEndpoint::kChat;
  const std::string arrivals = plan.rate
                                   ? fmt::format("{} a second, at most {} at once", *plan.rate, report.concurrency)
                                   : fmt::format("{} at once", report.concurrency);
  std::vector<std::string> lines = {
      fmt::format("{}, {}: {} requests, {}; {} {}, {} tokens out{}; seed {}", report.server,
                  chat ? "chat" : "completions", report.requests, arrivals, length_text(plan.prompt),
                  chat ? "words in" : "tokens in", length_text(plan.output),
                  plan.shared_prefix > 0 ? fmt::format(", after {} shared ones", plan.shared_prefix) : "", plan.seed),
      fmt::format("{} completed in {:.2f} s: {:.2f} requests/s, {:.1f} prompt tokens/s ({} of {} from the cache), "
                  "{:.1f} output tokens/s",
                  report.completed, report.seconds, rate(report.completed, report.seconds),
                  rate(report.prompt_tokens, report.seconds), report.cached_tokens, report.prompt_tokens,
                  rate(report.output_tokens, report.seconds))};
  for (const auto& [kind, failure] : report.failures) {
    lines.push_back(fmt::format("{} failed: {}", failure.count, failure.example));
  }
  if (const auto& comparison = report.comparison) {
    std::string line = fmt::format("one at a time: {} texts identical, {} different, {} failed", comparison->identical,
                                   comparison->different, comparison->failed);
    if (!comparison->first_different.empty()) {
      line += fmt::format(" (requests {})", fmt::join(comparison->first_different, ", "));
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

using Row = std::vector<std::string>;

std::vector<Row> rows_of(const LoadReport& report) {
  std::vector<Row> rows = {{"ms", "mean", "p50", "p90", "p99", "max"}};
  for (const auto& [name, json_name, values] : time_rows(report)) {
    Row row = {std::string(name)};
    for (const double value : {values->mean, values->p50, values->p90, values->p99, values->max}) {
      row.push_back(values->count > 0 ? fmt::format("{:.3f}", 1e3 * value) : "-");
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

std::string table_text(const LoadReport& report) {
  std::string text = fmt::format("{}\n", fmt::join(introduction(report), "\n"));
  for (const Row& row : rows_of(report)) {
    text += fmt::format("{:<14}", row[0]);
    for (std::size_t i = 1; i < row.size(); ++i) text += fmt::format("  {:>11}", row[i]);
    text += '\n';
  }
  return text;
}

std::string markdown_text(const LoadReport& report) {
  std::string text;
  for (const std::string& line : introduction(report)) text += fmt::format("- {}\n", line);
  text += '\n';
  const std::vector<Row> rows = rows_of(report);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    text += fmt::format("| {} |\n", fmt::join(rows[i], " | "));
    if (i == 0) text += fmt::format("| {} |\n", fmt::join(Row(rows[i].size(), "---"), " | "));
  }
  return text;
}

std::string json_text(const LoadReport& report) {
  const LoadPlanOptions& plan = report.plan;
  boost::json::object json{{"version", report.version},
                           {"server", report.server},
                           {"model", plan.model},
                           {"endpoint", plan.endpoint == LoadEndpoint::kChat ? "chat" : "completions"},
                           {"requests", report.requests},
                           {"concurrency", report.concurrency},
                           {"seed", plan.seed},
                           {"completed", report.completed},
                           {"seconds", report.seconds},
                           {"prompt_tokens", report.prompt_tokens},
                           {"cached_tokens", report.cached_tokens},
                           {"output_tokens", report.output_tokens},
                           {"requests_per_second", rate(report.completed, report.seconds)},
                           {"prompt_tokens_per_second", rate(report.prompt_tokens, report.seconds)},
                           {"output_tokens_per_second", rate(report.output_tokens, report.seconds)}};
  if (plan.rate) json["rate"] = *plan.rate;
  for (const auto& [name, json_name, values] : time_rows(report)) {
    json[json_name] = {{"count", values->count}, {"mean", values->mean}, {"p50", values->p50},
                       {"p90", values->p90},     {"p99", values->p99},   {"max", values->max}};
  }
  boost::json::object failures;
  for (const auto& [kind, failure] : report.failures) {
    failures[kind] = {{"count", failure.count}, {"example", failure.example}};
  }
  json["failures"] = std::move(failures);
  if (const auto& comparison = report.comparison) {
    json["verify"] = {{"identical", comparison->identical},
                      {"different", comparison->different},
                      {"failed", comparison->failed},
                      {"first_different",
                       boost::json::array(comparison->first_different.begin(), comparison->first_different.end())}};
  }
  return boost::json::serialize(json) + '\n';
}

}  // namespace

Percentiles percentiles(std::vector<float> seconds) {
  if (seconds.empty()) return {};
  std::sort(seconds.begin(), seconds.end());
  const auto count = static_cast<double>(seconds.size());
  const auto at = [&](double share) -> double {
    return seconds[static_cast<std::size_t>(std::max(1.0, std::ceil(share * count))) - 1];
  };
  return {.count = std::ssize(seconds),
          .mean = std::accumulate(seconds.begin(), seconds.end(), 0.0) / count,
          .p50 = at(0.5),
          .p90 = at(0.9),
          .p99 = at(0.99),
          .max = seconds.back()};
}

void LoadReport::add(const LoadOutcome& outcome) {
  ++requests;
  if (!outcome.error.empty()) {
    Failure& failure = failures[outcome.error.substr(0, outcome.error.find(':'))];
    if (failure.count++ == 0) failure.example = outcome.error;
    return;
  }
  ++completed;
  prompt_tokens += outcome.prompt_tokens;
  cached_tokens += outcome.cached_tokens;
  output_tokens += outcome.output_tokens;
  whole_seconds_.push_back(seconds_between(outcome.sent, outcome.ended));
  if (outcome.pieces.empty()) return;
  first_token_seconds_.push_back(seconds_between(outcome.sent, outcome.pieces.front()));
  for (std::size_t i = 1; i < outcome.pieces.size(); ++i) {
    between_seconds_.push_back(seconds_between(outcome.pieces[i - 1], outcome.pieces[i]));
  }
  if (outcome.output_tokens > 1) {
    const float decode = seconds_between(outcome.pieces.front(), outcome.pieces.back());
    per_token_seconds_.push_back(decode / static_cast<float>(outcome.output_tokens - 1));
  }
}

void LoadReport::finish(double seconds_in_all) {
  seconds = seconds_in_all;
  first_token = percentiles(std::move(first_token_seconds_));
  between_tokens = percentiles(std::move(between_seconds_));
  per_token = percentiles(std::move(per_token_seconds_));
  whole = percentiles(std::move(whole_seconds_));
}

std::string format_load_report(const LoadReport& report, BenchOutput output) {
  switch (output) {
    case BenchOutput::kJson:
      return json_text(report);
    case BenchOutput::kMarkdown:
      return markdown_text(report);
    case BenchOutput::kTable:
      return table_text(report);
    case BenchOutput::kCsv:
      break;
  }
  throw InvalidInput("a server's report has no CSV form; there are table, json and md");
}

}  // namespace hearth
