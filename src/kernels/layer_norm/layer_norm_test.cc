// Layer normalization against its reference, with and without a bias, in place, and with a mean far from zero.
#include "kernels/layer_norm/layer_norm.h"

#include <limits>

#include "kernels/layer_norm/layer_norm_reference.h"
#include "kernels/testing/converted_output.h"

namespace hearth {
namespace {

using namespace kernel_testing;

// Five roundings of values of about 1; adding the bias may cancel.
constexpr double kRelative = 3e-7;
constexpr double kAbsolute = 1e-6;
constexpr float kEpsilon = 1e-5f;

struct Parameters {
  std::vector<float> weight, bias;  // an empty bias is none
};

LayerNormArgs arguments(Runner& run, const float* x, std::size_t count, const Parameters& parameters) {
  const std::int64_t width = std::ssize(parameters.weight);
  return {.x = x,
          .row_count = static_cast<std::int64_t>(count) / width,
          .width = width,
          .weight = run.in(parameters.weight),
          .bias = parameters.bias.empty() ? nullptr : run.in(parameters.bias),
          .epsilon = kEpsilon,
          .out = nullptr};
}

std::vector<float> normalize(Runner& run, const std::vector<float>& x, const Parameters& parameters,
                             Format format = Format::kF32) {
  ConvertedOutput out(format, x.size());
  LayerNormArgs args = arguments(run, run.in(x), x.size(), parameters);
  args.out = out.on(run);
  args.out_format = format;
  run.kernels.layer_norm(*run.stream, args);
  run.finish();
  return out.values();
}

std::vector<double> expected_rows(const std::vector<float>& x, const Parameters& parameters) {
  std::vector<double> out;
  const std::size_t width = parameters.weight.size();
  for (std::size_t at = 0; at < x.size(); at += width) {
    const auto row = reference::layer_norm(std::span(x).subspan(at, width), parameters.weight, parameters.bias,
                                           static_cast<double>(kEpsilon));
    out.insert(out.end(), row.begin(), row.end());
  }
  return out;
}

class LayerNormTest : public KernelTest {};
HEARTH_INSTANTIATE_FOR_DEVICES(LayerNormTest);

TEST_P(LayerNormTest, Rows) {
  for (const std::int64_t width : {1, 5, 31, 64, 130, 1027, 2048}) {
    SCOPED_TRACE(width);
    for (const std::int64_t row_count : run.token_counts()) {
      if (run.is_slow() && row_count * width > 20'000) continue;
      const auto x = random_floats(row_count * width, 31, 2.0f);
      for (const bool with_bias : {false, true}) {
        const Parameters parameters{random_floats(width, 32),
                                    with_bias ? random_floats(width, 33) : std::vector<float>()};
        const auto expected = expected_rows(x, parameters);
        for (const Format format : output_formats(run)) {
          const auto out = normalize(run, x, parameters, format);
          expect_close(out, expected, kRelative + rounding_of(format), kAbsolute);
          expect_same_bits(out, normalize(again, x, parameters, format));
        }
        const auto out = normalize(run, x, parameters);
        std::vector<float> one_by_one;
        for (std::int64_t r = 0; r < row_count; ++r) {
          const auto row =
              normalize(run, std::vector<float>(x.begin() + r * width, x.begin() + (r + 1) * width), parameters);
          one_by_one.insert(one_by_one.end(), row.begin(), row.end());
        }
        expect_same_bits(out, one_by_one);
      }
    }
  }
}

TEST_P(LayerNormTest, LongRows) {
  for (const std::int64_t width : {4100, 5003, 16384, 20001}) {
    SCOPED_TRACE(width);
    const auto x = random_floats(2 * width, 45, 2.0f);
    const Parameters parameters{random_floats(width, 46), random_floats(width, 47)};
    for (const Format format : output_formats(run)) {
      expect_close(normalize(run, x, parameters, format), expected_rows(x, parameters), kRelative + rounding_of(format),
                   kAbsolute);
    }
  }
}

TEST_P(LayerNormTest, AMeanFarFromZeroCostsNoDigits) {
  for (const std::int64_t width : {500, 5000, 17000}) {
    for (const float mean : {1e3f, -1e5f}) {
      SCOPED_TRACE(mean);
      auto x = random_floats(2 * width, 34);
      for (float& value : x) value += mean;
      const Parameters parameters{random_floats(width, 35), random_floats(width, 36)};
      expect_close(normalize(run, x, parameters), expected_rows(x, parameters), kRelative, kAbsolute);
    }
  }
}

TEST_P(LayerNormTest, HugeRows) {
  for (const float deviation : {1e25f, 1e37f}) {
    for (const std::int64_t width : {100, 5000, 17000}) {
      const auto x = random_floats(2 * width, 48, deviation);
      const Parameters parameters{random_floats(width, 49), {}};
      expect_close(normalize(run, x, parameters), expected_rows(x, parameters), kRelative, kAbsolute);
    }
  }
}

TEST_P(LayerNormTest, InPlace) {
  auto x = random_floats(9 * 130, 37);
  const Parameters parameters{random_floats(130, 38), random_floats(130, 39)};
  const auto expected = normalize(run, x, parameters);
  float* rows = run.out(x);
  LayerNormArgs args = arguments(run, rows, x.size(), parameters);
  args.out = rows;
  run.kernels.layer_norm(*run.stream, args);
  run.finish();
  expect_same_bits(x, expected);
}

// Queries stand beside keys and values, which stay as they are.
TEST_P(LayerNormTest, HeadsOfStridedRowsWithWeightsOfTheirOwn) {
  for (const std::int64_t width : {8, 20, 64}) {
    for (const bool own_weights : {false, true}) {
      constexpr std::int64_t kRows = 3, kHeads = 5, kOthers = 12;
      const std::int64_t stride = kHeads * width + kOthers;
      const auto x = random_floats(kRows * stride, 54);
      const auto weight = random_floats((own_weights ? kHeads : 1) * width, 55);
      const auto bias = random_floats(std::ssize(weight), 56);
      auto out = x;
      float* rows = run.out(out);
      run.kernels.layer_norm(*run.stream, {.x = rows,
                                           .row_count = kRows,
                                           .width = width,
                                           .weight = run.in(weight),
                                           .bias = run.in(bias),
                                           .epsilon = kEpsilon,
                                           .out = rows,
                                           .group_count = kHeads,
                                           .row_stride = stride,
                                           .weight_stride = own_weights ? width : 0});
      run.finish();
      for (std::int64_t r = 0; r < kRows; ++r) {
        for (std::int64_t h = 0; h < kHeads; ++h) {
          const auto at = static_cast<std::size_t>(r * stride + h * width);
          const auto own = static_cast<std::size_t>(own_weights ? h * width : 0), n = static_cast<std::size_t>(width);
          const auto expected = reference::layer_norm(std::span(x).subspan(at, n), std::span(weight).subspan(own, n),
                                                      std::span(bias).subspan(own, n), static_cast<double>(kEpsilon));
          expect_close(
              {out.begin() + static_cast<std::ptrdiff_t>(at), out.begin() + static_cast<std::ptrdiff_t>(at + n)},
              expected, kRelative, kAbsolute);
        }
        const auto rest = static_cast<std::size_t>(r * stride + kHeads * width);
        for (std::size_t i = rest; i < rest + kOthers; ++i) EXPECT_EQ(out[i], x[i]);
      }
    }
  }
}

// The same as an addition and a norm of the sum, to the bit.
TEST_P(LayerNormTest, AddsToTheResidualFirst) {
  for (const std::int64_t width : {7, 128, 1027, 4500, 17000}) {
    SCOPED_TRACE(width);
    const auto x = random_floats(2 * width, 50), before = random_floats(2 * width, 51);
    const Parameters parameters{random_floats(width, 52), random_floats(width, 53)};
    auto sum = before;
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += x[i];
    auto residual = before;
    ConvertedOutput out(Format::kF32, x.size());
    LayerNormArgs args = arguments(run, run.in(x), x.size(), parameters);
    args.out = out.on(run);
    args.residual = run.out(residual);
    run.kernels.layer_norm(*run.stream, args);
    run.finish();
    expect_same_bits(residual, sum);
    expect_same_bits(out.values(), normalize(run, sum, parameters));
  }
}

TEST_P(LayerNormTest, AConstantRowIsItsBias) {
  const Parameters parameters{random_floats(31, 40), random_floats(31, 41)};
  expect_same_bits(normalize(run, std::vector<float>(31, 7.25f), parameters), parameters.bias);
}

TEST_P(LayerNormTest, NanStaysWithinItsRow) {
  auto x = random_floats(60, 42);
  const Parameters parameters{random_floats(20, 43), {}};
  const auto clean = normalize(run, x, parameters);
  x[25] = std::numeric_limits<float>::quiet_NaN();
  const auto out = normalize(run, x, parameters);
  for (std::size_t i = 0; i < 60; ++i) {
    if (i / 20 == 1) {
      EXPECT_TRUE(std::isnan(out[i])) << i;
    } else {
      EXPECT_EQ(out[i], clean[i]) << i;
    }
  }
}

TEST_P(LayerNormTest, NoRowsAreNoWork) {
  EXPECT_TRUE(normalize(run, {}, {random_floats(8, 44), {}}).empty());
}

}  // namespace
}  // namespace hearth
