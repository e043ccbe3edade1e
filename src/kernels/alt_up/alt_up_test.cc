// Alternating updates against their references: one to eight streams, any of them the active one, widths that no vector
// and no block of threads divides.
#include "kernels/alt_up/alt_up.h"

#include "kernels/alt_up/alt_up_reference.h"
#include "kernels/testing/kernel_testing.h"

namespace hearth {
namespace {

using namespace kernel_testing;

// Sums of up to eight products of about 1, with coefficients that are such sums themselves.
constexpr double kRelative = 1e-6, kAbsolute = 1e-5;

struct Case {
  std::int64_t count, active, tokens, width;
  std::vector<float> streams, products, predicting, correcting, x, scale;
};

Case make_case(std::int64_t count, std::int64_t active, std::int64_t tokens, std::int64_t width) {
  return {count,
          active,
          tokens,
          width,
          random_floats(count * tokens * width, 71),
          random_floats(tokens * count, 72, 2.0f),
          random_floats(count * count * count, 73),
          random_floats(count * count, 74),
          random_floats(tokens * width, 75),
          random_floats(width, 76)};
}

// Of one token alone.
Case one_token(const Case& c, std::int64_t token) {
  Case one = c;
  one.tokens = 1;
  one.streams.clear();
  const auto row = [&](const std::vector<float>& from, std::int64_t index, std::int64_t width) {
    return std::vector<float>(from.begin() + index * width, from.begin() + (index + 1) * width);
  };
  for (std::int64_t n = 0; n < c.count; ++n) {
    const auto values = row(c.streams, n * c.tokens + token, c.width);
    one.streams.insert(one.streams.end(), values.begin(), values.end());
  }
  one.products = row(c.products, token, c.count);
  one.x = row(c.x, token, c.width);
  return one;
}

// The streams, and behind them what else the operator writes.
std::vector<float> predict(Runner& run, const Case& c) {
  auto streams = c.streams;
  std::vector<float> x(c.x.size(), -1.0f);
  run.kernels.alt_up_predict(*run.stream,
                             {.streams = {run.out(streams), c.count, c.active, c.tokens, c.width, run.in(c.products)},
                              .coefficients = run.in(c.predicting),
                              .x = run.out(x)});
  run.finish();
  streams.insert(streams.end(), x.begin(), x.end());
  return streams;
}

std::vector<float> correct(Runner& run, const Case& c, bool has_scale) {
  auto streams = c.streams;
  std::vector<float> scaled(c.x.size(), -1.0f);
  run.kernels.alt_up_correct(*run.stream,
                             {.streams = {run.out(streams), c.count, c.active, c.tokens, c.width, run.in(c.products)},
                              .coefficients = run.in(c.correcting),
                              .x = run.in(c.x),
                              .scale = has_scale ? run.in(c.scale) : nullptr,
                              .scaled = run.out(scaled)});
  run.finish();
  streams.insert(streams.end(), scaled.begin(), scaled.end());
  return streams;
}

std::vector<double> joined(reference::AltUpResult result) {
  result.streams.insert(result.streams.end(), result.other.begin(), result.other.end());
  return result.streams;
}

// Of results of single tokens, the result of them together.
std::vector<float> together(const Case& c, const std::vector<std::vector<float>>& ones) {
  std::vector<float> all;
  for (std::int64_t n = 0; n <= c.count; ++n) {
    for (const auto& one : ones) all.insert(all.end(), one.begin() + n * c.width, one.begin() + (n + 1) * c.width);
  }
  return all;
}

class AltUpTest : public KernelTest {};
HEARTH_INSTANTIATE_FOR_DEVICES(AltUpTest);

TEST_P(AltUpTest, MatchesTheReference) {
  const std::int64_t tokens = run.is_slow() ? 3 : 9;
  for (const auto& [count, active] : {std::pair<std::int64_t, std::int64_t>{4, 0}, {4, 2}, {1, 0}, {3, 1}, {8, 7}}) {
    for (const std::int64_t width : {5, 64, 259}) {
      SCOPED_TRACE(std::to_string(count) + " streams of " + std::to_string(width));
      Case c = make_case(count, active, tokens, width);
      const AltUpStreams streams{c.streams.data(), count, active, tokens, width, c.products.data()};
      std::vector<std::vector<float>> ones;
      for (std::int64_t t = 0; t < tokens; ++t) ones.push_back(predict(run, one_token(c, t)));
      const auto predicted = predict(run, c);
      expect_close(predicted, joined(reference::alt_up_predict({streams, c.predicting.data(), nullptr})), kRelative,
                   kAbsolute);
      expect_same_bits(predicted, together(c, ones));
      expect_same_bits(predicted, predict(again, c));
      for (const bool has_scale : {true, false}) {
        ones.clear();
        for (std::int64_t t = 0; t < tokens; ++t) ones.push_back(correct(run, one_token(c, t), has_scale));
        const auto corrected = correct(run, c, has_scale);
        const float* const scale = has_scale ? c.scale.data() : nullptr;
        expect_close(corrected,
                     joined(reference::alt_up_correct({streams, c.correcting.data(), c.x.data(), scale, nullptr})),
                     kRelative, kAbsolute);
        expect_same_bits(corrected, together(c, ones));
        expect_same_bits(corrected, correct(again, c, has_scale));
      }
    }
  }
}

TEST_P(AltUpTest, NoTokensAreNoWork) {
  const Case c = make_case(4, 0, 0, 16);
  EXPECT_TRUE(predict(run, c).empty());
  EXPECT_TRUE(correct(run, c, true).empty());
}

}  // namespace
}  // namespace hearth
