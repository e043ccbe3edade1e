#include "server/telemetry/metric_registry.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>
#include <utility>

#include "base/check.h"

namespace hearth {
namespace {

std::string number_text(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  return fmt::format("{}", value);
}

// Help texts escape backslashes and line breaks, label values quotes as well.
std::string escaped(std::string_view text, bool quotes) {
  std::string result;
  for (const char c : text) {
    if (c == '\n') {
      result += "\\n";
      continue;
    }
    if (c == '\\' || (quotes && c == '"')) result += '\\';
    result += c;
  }
  return result;
}

}  // namespace

Histogram::Histogram(std::span<const double> bounds)
    : bounds_(bounds.begin(), bounds.end()), counts_(bounds.size() + 1) {
  CHECK(std::adjacent_find(bounds_.begin(), bounds_.end(), std::greater_equal<>()) == bounds_.end());
}

void Histogram::observe(double value) {
  // A bucket holds what is at most its bound.
  const auto bucket = std::lower_bound(bounds_.begin(), bounds_.end(), value) - bounds_.begin();
  ++counts_[static_cast<std::size_t>(bucket)];
  sum_ += value;
  ++count_;
}

void LabeledCounter::add(std::vector<std::string> label_values, std::uint64_t count) {
  CHECK(label_values.size() == label_names_.size());
  if (!series_.contains(label_values) && series_.size() >= series_max_) {
    std::fill(label_values.begin(), label_values.end(), "other");
  }
  series_[std::move(label_values)] += count;
}

void MetricPage::counter(Prefixes prefixes, std::string_view name, std::string_view help, double value) {
  for (const std::string_view prefix : prefixes) {
    const std::string full_name = fmt::format("{}{}", prefix, name);
    heading(full_name, "counter", help);
    sample(full_name, {}, value);
  }
}

void MetricPage::counter(Prefixes prefixes, std::string_view name, std::string_view help,
                         const LabeledCounter& counter) {
  for (const std::string_view prefix : prefixes) {
    const std::string full_name = fmt::format("{}{}", prefix, name);
    heading(full_name, "counter", help);
    for (const auto& [values, count] : counter.series()) {
      MetricLabels labels;
      for (std::size_t i = 0; i < values.size(); ++i) labels.emplace_back(counter.label_names()[i], values[i]);
      sample(full_name, labels, static_cast<double>(count));
    }
  }
}

void MetricPage::gauge(Prefixes prefixes, std::string_view name, std::string_view help, double value) {
  for (const std::string_view prefix : prefixes) {
    const std::string full_name = fmt::format("{}{}", prefix, name);
    heading(full_name, "gauge", help);
    sample(full_name, {}, value);
  }
}

void MetricPage::histogram(Prefixes prefixes, std::string_view name, std::string_view help,
                           const Histogram& histogram) {
  for (const std::string_view prefix : prefixes) {
    const std::string full_name = fmt::format("{}{}", prefix, name);
    heading(full_name, "histogram", help);
    std::uint64_t at_most = 0;
    for (std::size_t i = 0; i < histogram.counts().size(); ++i) {
      at_most += histogram.counts()[i];
      const double bound = i < histogram.bounds().size() ? histogram.bounds()[i] : INFINITY;
      sample(full_name + "_bucket", {{"le", number_text(bound)}}, static_cast<double>(at_most));
    }
    sample(full_name + "_sum", {}, histogram.sum());
    sample(full_name + "_count", {}, static_cast<double>(histogram.count()));
  }
}

void MetricPage::heading(std::string_view name, std::string_view type, std::string_view help) {
  fmt::format_to(std::back_inserter(text_), "# HELP {} {}\n# TYPE {} {}\n", name, escaped(help, false), name, type);
}

void MetricPage::sample(std::string_view name, const MetricLabels& labels, double value) {
  text_ += name;
  char separator = '{';
  for (const MetricLabels* list : {&std::as_const(common_), &labels}) {
    for (const auto& [label, label_value] : *list) {
      fmt::format_to(std::back_inserter(text_), "{}{}=\"{}\"", separator, label, escaped(label_value, true));
      separator = ',';
    }
  }
  if (separator == ',') text_ += '}';
  fmt::format_to(std::back_inserter(text_), " {}\n", number_text(value));
}

}  // namespace hearth
