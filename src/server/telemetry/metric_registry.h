// The parts that metrics are made of: histograms, counters with labels, and the page that they are written on. Nothing
// here locks; who shares them between threads does.
//
// Format: the Prometheus text exposition, version 0.0.4.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hearth {

// In the order in which they are written; no name stands twice.
using MetricLabels = std::vector<std::pair<std::string, std::string>>;

class Histogram {
 public:
  // Upper bounds, ascending and finite; the bucket for all that is larger comes by itself.
  explicit Histogram(std::span<const double> bounds);

  void observe(double value);

  std::span<const double> bounds() const { return bounds_; }
  std::span<const std::uint64_t> counts() const { return counts_; }  // of each bucket alone; one more than bounds
  double sum() const { return sum_; }
  std::uint64_t count() const { return count_; }

 private:
  std::vector<double> bounds_;
  std::vector<std::uint64_t> counts_;
  double sum_ = 0;
  std::uint64_t count_ = 0;
};

// Counts by label values, and no more of them than a bound: what comes from outside could be anything.
class LabeledCounter {
 public:
  LabeledCounter(std::vector<std::string> label_names, std::size_t series_max)
      : label_names_(std::move(label_names)), series_max_(series_max) {}

  // One value for each name. Past the bound, new ones are counted with "other" for every label.
  void add(std::vector<std::string> label_values, std::uint64_t count = 1);

  const std::vector<std::string>& label_names() const { return label_names_; }
  const std::map<std::vector<std::string>, std::uint64_t>& series() const { return series_; }

 private:
  std::vector<std::string> label_names_;
  std::size_t series_max_;
  std::map<std::vector<std::string>, std::uint64_t> series_;
};

// Writes families one after the other. `prefixes`: each family stands on the page once under each of them.
class MetricPage {
 public:
  // `common`: labels that every sample has.
  explicit MetricPage(MetricLabels common) : common_(std::move(common)) {}

  using Prefixes = std::span<const std::string_view>;
  void counter(Prefixes prefixes, std::string_view name, std::string_view help, double value);
  void counter(Prefixes prefixes, std::string_view name, std::string_view help, const LabeledCounter& counter);
  void gauge(Prefixes prefixes, std::string_view name, std::string_view help, double value);
  void histogram(Prefixes prefixes, std::string_view name, std::string_view help, const Histogram& histogram);

  const std::string& text() const { return text_; }

 private:
  void heading(std::string_view name, std::string_view type, std::string_view help);
  void sample(std::string_view name, const MetricLabels& labels, double value);

  MetricLabels common_;
  std::string text_;
};

}  // namespace hearth
