// Layer normalization against its reference, with and without a bias, in place, and with a mean far from zero.
#include "kernels/layer_norm/layer_norm.h"

#include <limits>

#include "kernels/layer_norm/layer_norm_reference.h"
#include "kernels/testing/kernel_testing.h"

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

void normalize_into(CpuRunner& run, const std::vector<float>& x, const Parameters& parameters,
                    std::vector<float>& out) {
  const std::int64_t width = std::ssize(parameters.weight);
  run.kernels.layer_norm(*run.stream, {.x = x.data(),
                                       .row_count = std::ssize(x) / width,
                                       .width = width,
                                       .weight = parameters.weight.data(),
                                       .bias = parameters.bias.empty() ? nullptr : parameters.bias.data(),
                                       .epsilon = kEpsilon,
                                       .out = out.data()});
}

std::vector<float> normalize(CpuRunner& run, const std::vector<float>& x, const Parameters& parameters) {
  std::vector<float> out(x.size(), -1.0f);
  normalize_into(run, x, parameters, out);
  return out;
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

class LayerNormTest : public CpuKernelTest {};
HEARTH_INSTANTIATE_FOR_CPU(LayerNormTest);

TEST_P(LayerNormTest, Rows) {
  for (const std::int64_t width : {1, 5, 31, 64, 130, 1027, 2048}) {
    SCOPED_TRACE(width);
    for (const std::int64_t row_count : kTokenCounts) {
      const auto x = random_floats(row_count * width, 31, 2.0f);
      for (const bool with_bias : {false, true}) {
        const Parameters parameters{random_floats(width, 32),
                                    with_bias ? random_floats(width, 33) : std::vector<float>()};
        const auto out = normalize(run, x, parameters);
        expect_close(out, expected_rows(x, parameters), kRelative, kAbsolute);
        expect_same_bits(out, normalize(one_thread, x, parameters));
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

TEST_P(LayerNormTest, AMeanFarFromZeroCostsNoDigits) {
  const std::int64_t width = 500;
  for (const float mean : {1e3f, -1e5f}) {
    SCOPED_TRACE(mean);
    auto x = random_floats(4 * width, 34);
    for (float& value : x) value += mean;
    const Parameters parameters{random_floats(width, 35), random_floats(width, 36)};
    expect_close(normalize(run, x, parameters), expected_rows(x, parameters), kRelative, kAbsolute);
  }
}

TEST_P(LayerNormTest, InPlace) {
  auto x = random_floats(9 * 130, 37);
  const Parameters parameters{random_floats(130, 38), random_floats(130, 39)};
  const auto expected = normalize(run, x, parameters);
  normalize_into(run, x, parameters, x);
  expect_same_bits(x, expected);
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
