#include "commands/bench/bench_report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cmath>
#include <numeric>

#include "base/check.h"
#include "base/error.h"

namespace hearth {
namespace {

using Row = std::vector<std::string>;

std::string_view kind_name(BenchCase::Kind kind) {
  return kind == BenchCase::Kind::kPrefill ? "prefill" : "decode";
}

// Case by case in the order of the first device, devices next to each other.
std::vector<const BenchResult*> ordered(const BenchReport& report) {
  std::vector<const BenchResult*> results;
  for (const BenchResult& result : report.results) {
    if (std::find(results.begin(), results.end(), &result) != results.end()) continue;
    for (const BenchResult& other : report.results) {
      if (other.bench_case == result.bench_case) results.push_back(&other);
    }
  }
  return results;
}

Row heading(const BenchReport& report) {
  Row row = {"test", "tokens", "depth", "batch", "device", "tokens/s", "spread", "ms/step", "limit"};
  if (report.devices.size() > 1) row.push_back("vs " + report.devices.front().id);
  return row;
}

std::string percent(std::optional<double> value) {
  return value ? fmt::format("{:.1f} %", *value) : "-";
}

// A prompt's step is a chunk; how many tokens it has, the devices' lines say.
double steps_of(const BenchReport& report, const BenchResult& result) {
  if (result.bench_case.kind == BenchCase::Kind::kDecode) return static_cast<double>(result.bench_case.tokens);
  const std::int64_t chunk = report.devices[result.device].step_tokens;
  return static_cast<double>((result.bench_case.tokens + chunk - 1) / chunk);
}

Row row_of(const BenchReport& report, const BenchResult& result) {
  const Statistics rate = result.tokens_per_second();
  const BenchCase& c = result.bench_case;
  Row row = {std::string(kind_name(c.kind)),
             fmt::format("{}", c.tokens),
             fmt::format("{}", c.depth),
             fmt::format("{}", c.batch),
             report.devices[result.device].id,
             fmt::format("{:.2f}", rate.mean),
             fmt::format("± {:.2f}", rate.deviation),
             fmt::format("{:.3f}", 1e3 * statistics(result.seconds).mean / steps_of(report, result)),
             percent(report.limit_percent(result))};
  if (report.devices.size() > 1) {
    const auto times = report.times_first_device(result);
    row.push_back(times ? fmt::format("{:.2f} x", *times) : "");
  }
  return row;
}

std::vector<Row> rows_of(const BenchReport& report) {
  std::vector<Row> rows = {heading(report)};
  for (const BenchResult* result : ordered(report)) rows.push_back(row_of(report, *result));
  return rows;
}

std::vector<std::string> introduction(const BenchReport& report) {
  const auto parameters = static_cast<double>(report.parameter_count), bytes = static_cast<double>(report.weight_bytes);
  const bool billions = parameters >= 1e9, gigabytes = bytes >= 1e9;
  std::vector<std::string> lines = {fmt::format("{}: {:.2f} {} parameters, {:.2f} {}", report.model,
                                                parameters * (billions ? 1e-9 : 1e-6), billions ? "billion" : "million",
                                                bytes * (gigabytes ? 1e-9 : 1e-6), gigabytes ? "GB" : "MB")};
  for (const BenchDevice& device : report.devices) {
    const auto giga = [](double value) { return value > 0 ? fmt::format("{:.1f}", 1e-9 * value) : "-"; };
    lines.push_back(fmt::format("{}: {}; {}, {} prompt tokens a step; limits: {} GB/s, {} Gop/s", device.id,
                                device.description, device.compute, device.step_tokens,
                                giga(device.limits.bytes_per_second), giga(device.limits.flops_per_second)));
  }
  if (report.shared_depth) lines.push_back("the sequences of a batch share the cache of their depth");
  return lines;
}

// Characters, not bytes, as far as these tables go: a continuation byte of UTF-8 takes no room.
std::size_t display_width(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string table_text(const BenchReport& report) {
  const std::vector<Row> rows = rows_of(report);
  std::vector<std::size_t> widths(rows.front().size());
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], display_width(row[i]));
  }
  std::string text = fmt::format("{}\n", fmt::join(introduction(report), "\n"));
  for (const Row& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string padding(widths[i] - display_width(row[i]), ' ');
      const bool words = i == 0 || i == 4;
      line += fmt::format("{}{}{}", i == 0 ? "" : "  ", words ? row[i] : padding, words ? padding : row[i]);
    }
    text += line.substr(0, line.find_last_not_of(' ') + 1) + '\n';
  }
  return text;
}

std::string markdown_text(const BenchReport& report) {
  const std::vector<Row> rows = rows_of(report);
  std::string text;
  for (const std::string& line : introduction(report)) text += fmt::format("- {}\n", line);
  text += '\n';
  for (std::size_t i = 0; i < rows.size(); ++i) {
    text += fmt::format("| {} |\n", fmt::join(rows[i], " | "));
    if (i == 0) text += fmt::format("| {} |\n", fmt::join(Row(rows[i].size(), "---"), " | "));
  }
  return text;
}

// A field with a comma or a quote stands in quotes, as RFC 4180 has it.
std::string csv_field(std::string_view text) {
  if (text.find_first_of(",\"\n") == std::string_view::npos) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + '"';
}

std::string csv_text(const BenchReport& report) {
  std::string text =
      "model,device,device_description,compute,step_tokens,test,tokens,depth,batch,repetitions,tokens_per_second,"
      "tokens_per_second_deviation,tokens_per_second_min,tokens_per_second_max,seconds,limit_percent,"
      "times_first_device,limit_bytes_per_second,limit_flops_per_second\n";
  const auto optional = [](std::optional<double> value) { return value ? fmt::format("{}", *value) : ""; };
  for (const BenchResult* result : ordered(report)) {
    const BenchDevice& device = report.devices[result->device];
    const Statistics rate = result->tokens_per_second();
    const BenchCase& c = result->bench_case;
    text += fmt::format("{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}\n", csv_field(report.model),
                        device.id, csv_field(device.description), device.compute, device.step_tokens, kind_name(c.kind),
                        c.tokens, c.depth, c.batch, result->seconds.size(), rate.mean, rate.deviation, rate.min,
                        rate.max, statistics(result->seconds).mean, optional(report.limit_percent(*result)),
                        optional(report.times_first_device(*result)), device.limits.bytes_per_second,
                        device.limits.flops_per_second);
  }
  return text;
}

boost::json::value json_or_null(std::optional<double> value) {
  return value ? boost::json::value(*value) : boost::json::value(nullptr);
}

std::string json_text(const BenchReport& report) {
  boost::json::array devices, results;
  for (const BenchDevice& device : report.devices) {
    devices.push_back(boost::json::object{{"id", device.id},
                                          {"description", device.description},
                                          {"compute", device.compute},
                                          {"step_tokens", device.step_tokens},
                                          {"limit_bytes_per_second", device.limits.bytes_per_second},
                                          {"limit_flops_per_second", device.limits.flops_per_second}});
  }
  for (const BenchResult* result : ordered(report)) {
    const Statistics rate = result->tokens_per_second();
    const BenchCase& c = result->bench_case;
    const bool prompt = c.kind == BenchCase::Kind::kPrefill;
    results.push_back(boost::json::object{
        {"device", report.devices[result->device].id},
        {"test", kind_name(c.kind)},
        {"tokens", c.tokens},
        {"depth", c.depth},
        {"batch", c.batch},
        {"tokens_per_second",
         {{"mean", rate.mean}, {"deviation", rate.deviation}, {"min", rate.min}, {"max", rate.max}}},
        {"seconds", boost::json::array(result->seconds.begin(), result->seconds.end())},
        {prompt ? "needed_flops" : "needed_bytes", result->needed},
        {"limit_percent", json_or_null(report.limit_percent(*result))},
        {"times_first_device", json_or_null(report.times_first_device(*result))}});
  }
  return boost::json::serialize(boost::json::object{{"version", report.version},
                                                    {"model", report.model},
                                                    {"parameters", report.parameter_count},
                                                    {"weight_bytes", report.weight_bytes},
                                                    {"shared_depth", report.shared_depth},
                                                    {"devices", std::move(devices)},
                                                    {"results", std::move(results)}}) +
         '\n';
}

}  // namespace

Statistics statistics(std::span<const double> values) {
  CHECK(!values.empty());
  const auto count = static_cast<double>(values.size());
  Statistics result;
  result.mean = std::accumulate(values.begin(), values.end(), 0.0) / count;
  double squares = 0;
  for (const double value : values) squares += (value - result.mean) * (value - result.mean);
  result.deviation = values.size() > 1 ? std::sqrt(squares / (count - 1)) : 0;
  const auto [min, max] = std::minmax_element(values.begin(), values.end());
  result.min = *min;
  result.max = *max;
  return result;
}

Statistics BenchResult::tokens_per_second() const {
  std::vector<double> rates;
  for (const double s : seconds) rates.push_back(static_cast<double>(token_count()) / s);
  return statistics(rates);
}

std::optional<double> BenchReport::limit_percent(const BenchResult& result) const {
  const DeviceLimits& limits = devices[result.device].limits;
  const bool prompt = result.bench_case.kind == BenchCase::Kind::kPrefill;
  const double limit = prompt ? limits.flops_per_second : limits.bytes_per_second;
  if (limit <= 0) return std::nullopt;
  return 100 * result.needed * result.tokens_per_second().mean / static_cast<double>(result.token_count()) / limit;
}

std::optional<double> BenchReport::times_first_device(const BenchResult& result) const {
  if (result.device == 0) return std::nullopt;
  for (const BenchResult& first : results) {
    if (first.device == 0 && first.bench_case == result.bench_case) {
      return result.tokens_per_second().mean / first.tokens_per_second().mean;
    }
  }
  return std::nullopt;
}

BenchOutput parse_bench_output(std::string_view name) {
  constexpr std::array<std::string_view, 4> kNames = {"table", "json", "csv", "md"};
  const auto found = std::find(kNames.begin(), kNames.end(), name);
  if (found == kNames.end()) {
    throw InvalidInput(fmt::format("output '{}' is not one of {}", name, fmt::join(kNames, ", ")));
  }
  return static_cast<BenchOutput>(found - kNames.begin());
}

std::string format_report(const BenchReport& report, BenchOutput output) {
  switch (output) {
    case BenchOutput::kTable:
      return table_text(report);
    case BenchOutput::kJson:
      return json_text(report);
    case BenchOutput::kCsv:
      return csv_text(report);
    case BenchOutput::kMarkdown:
      return markdown_text(report);
  }
  CHECK(false);
}

}  // namespace hearth
