#include "commands/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cmath>
#include <cstdio>
#include <random>

#include "base/error.h"
#include "base/json_value.h"

namespace hearth {
namespace {

constexpr double kToleranceF32 = 1e-3, kToleranceRounded = 3e-2;

// What one device computed: the residual stream [tokens, width] after the embedding and each layer, and the logits.
struct Trace {
  std::string device;
  std::vector<std::vector<float>> layers;
  std::vector<float> logits;
  std::int64_t width = 0, vocabulary = 0;
};

std::vector<float> download(Stream& stream, const float* data, std::int64_t count) {
  std::vector<float> values(static_cast<std::size_t>(count));
  stream.download(values.data(), reinterpret_cast<const std::byte*>(data), count * std::int64_t{sizeof(float)});
  stream.synchronize();
  return values;
}

Trace trace(const ModelOptions& options, std::span<const std::int32_t> tokens) {
  ModelSession session(options);
  const std::int64_t count = std::ssize(tokens);
  session.bind({.context = count, .step_tokens_max = count, .logit_rows_max = count});
  SequenceRunner& runner = session.load();
  ForwardPass& pass = session.pass();
  Trace result{.device = fmt::format("{} ({}{})", session.device().id().to_string(), options.compute,
                                     options.attention == "fused" ? "" : ", attention in " + options.attention),
               .layers = {},
               .logits = {},
               .width = pass.spec().width,
               .vocabulary = pass.spec().vocabulary};
  pass.observe([&](std::int64_t, const float* x, const float* delta) {
    std::vector<float> values = download(session.stream(), x, count * result.width);
    if (delta != nullptr) {
      const std::vector<float> added = download(session.stream(), delta, count * result.width);
      std::transform(values.begin(), values.end(), added.begin(), values.begin(), std::plus<>());
    }
    result.layers.push_back(std::move(values));
  });
  runner.feed(tokens, [&](std::span<const float> logits) {
    result.logits.insert(result.logits.end(), logits.begin(), logits.end());
  });
  return result;
}

// |a - b| / |b|, of everything and of the row where it is largest.
struct Difference {
  double relative = 0, worst = 0;
  std::int64_t worst_row = 0;
};

Difference compare(std::span<const float> actual, std::span<const float> expected, std::int64_t width) {
  Difference result;
  double all_difference = 0, all_norm = 0;
  for (std::size_t begin = 0; begin < expected.size(); begin += static_cast<std::size_t>(width)) {
    double difference = 0, norm = 0;
    for (std::size_t i = begin; i < begin + static_cast<std::size_t>(width); ++i) {
      const double e = static_cast<double>(expected[i]), d = static_cast<double>(actual[i]) - e;
      difference += d * d;
      norm += e * e;
    }
    all_difference += difference;
    all_norm += norm;
    const double relative = std::sqrt(difference / std::max(norm, 1e-30));
    if (relative > result.worst || std::isnan(relative)) {
      result.worst = relative;
      result.worst_row = static_cast<std::int64_t>(begin) / width;
    }
  }
  result.relative = std::sqrt(all_difference / std::max(all_norm, 1e-30));
  return result;
}

std::int64_t same_choices(const Trace& a, const Trace& b, std::int64_t count) {
  std::int64_t same = 0;
  for (std::int64_t t = 0; t < count; ++t) {
    const auto best = [&](const Trace& trace) {
      const auto row = trace.logits.begin() + t * trace.vocabulary;
      return std::max_element(row, row + trace.vocabulary) - row;
    };
    same += best(a) == best(b) ? 1 : 0;
  }
  return same;
}

std::vector<std::int32_t> random_tokens(const ModelOptions& options, std::int64_t count) {
  ModelSession session(options);
  session.bind({.context = count, .step_tokens_max = 1});
  std::mt19937 generator(1);
  std::uniform_int_distribution<std::int32_t> distribution(
      0, static_cast<std::int32_t>(session.pass().spec().vocabulary) - 1);
  std::vector<std::int32_t> tokens(static_cast<std::size_t>(count));
  for (std::int32_t& token : tokens) token = distribution(generator);
  return tokens;
}

// The device's, and the reference's.
struct Traces {
  std::vector<std::int32_t> tokens;
  Trace actual, expected;
};

Traces trace_both(const VerifyOptions& options) {
  ModelOptions reference = options.model;
  reference.device = "cpu";
  reference.compute = "f32";
  reference.attention = "fused";
  reference.experts_on_host = false;
  Traces traces;
  traces.tokens = options.tokens.empty() ? random_tokens(reference, options.token_count) : options.tokens;
  traces.actual = trace(options.model, traces.tokens);
  traces.expected = trace(reference, traces.tokens);
  return traces;
}

double tolerance_of(const VerifyOptions& options) {
  return options.model.compute == "f32" ? kToleranceF32 : kToleranceRounded;
}

}  // namespace

VerifyResult compare_with_cpu(const VerifyOptions& options) {
  const Traces traces = trace_both(options);
  VerifyResult result{traces.actual.device, 0, tolerance_of(options), false};
  result.relative = compare(traces.actual.logits, traces.expected.logits, traces.expected.vocabulary).relative;
  result.agrees = result.relative <= result.tolerance;  // false for NaN
  return result;
}

int verify(const VerifyOptions& options) {
  const auto [tokens, actual, expected] = trace_both(options);

  boost::json::array stages;
  const auto report = [&](const std::string& name, const Difference& d) {
    stages.push_back(boost::json::object{
        {"stage", name}, {"relative_l2", d.relative}, {"worst_position", d.worst_row}, {"worst_relative_l2", d.worst}});
    if (!options.json) fmt::print("{:<12} {:>12.3e} {:>10} {:>12.3e}\n", name, d.relative, d.worst_row, d.worst);
  };
  if (!options.json) {
    fmt::print("{} against {}, {} tokens\n", actual.device, expected.device, tokens.size());
    fmt::print("{:<12} {:>12} {:>10} {:>12}\n", "after", "relative L2", "position", "there");
  }
  for (std::size_t i = 0; i < expected.layers.size(); ++i) {
    report(i == 0 ? "embedding" : fmt::format("layer {}", i - 1),
           compare(actual.layers[i], expected.layers[i], expected.width));
  }
  const Difference logits = compare(actual.logits, expected.logits, expected.vocabulary);
  report("logits", logits);
  const double tolerance = tolerance_of(options);
  const bool agrees = logits.relative <= tolerance;  // false for NaN
  const std::int64_t same = same_choices(actual, expected, std::ssize(tokens));
  if (options.json) {
    const boost::json::object result{{"device", actual.device},    {"stages", std::move(stages)},
                                     {"tolerance", tolerance},     {"agrees", agrees},
                                     {"same_greedy_tokens", same}, {"tokens", tokens.size()}};
    std::puts(serialized_json(result).c_str());
  } else {
    fmt::print("the likeliest token is the same at {} of {} positions; the logits {} to within {} %\n", same,
               tokens.size(), agrees ? "agree" : "do NOT agree", 100 * tolerance);
  }
  return agrees ? 0 : 1;
}

}  // namespace hearth
