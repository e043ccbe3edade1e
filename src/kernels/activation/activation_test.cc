// The nonlinearities against their reference, over the whole range of float32, plain and gated.
#include "kernels/activation/activation.h"

#include <limits>

#include "kernels/activation/activation_reference.h"
#include "kernels/testing/converted_output.h"

namespace hearth {
namespace {

using namespace kernel_testing;

// Below about -4 the argument of the exponential is a rounded product of some ten, so that the result, by then less
// than 1e-3, has fewer digits than elsewhere: an absolute error far below the last place of the values it is summed
// with.
constexpr double kRelative = 1e-6;
constexpr double kAbsolute = 1e-9;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr Activation kAll[] = {Activation::kSilu,      Activation::kGelu, Activation::kGeluTanh,
                               Activation::kGeluQuick, Activation::kRelu, Activation::kReluSquared};

std::vector<float> apply(Runner& run, Activation kind, const std::vector<float>& x, Format format = Format::kF32) {
  ConvertedOutput out(format, x.size());
  run.kernels.activation(
      *run.stream,
      {.activation = kind, .x = run.in(x), .element_count = std::ssize(x), .out = out.on(run), .out_format = format});
  run.finish();
  return out.values();
}

// Of rows of `width` elements; 0: one row.
std::vector<float> apply_gated(Runner& run, Activation kind, const std::vector<float>& gate,
                               const std::vector<float>& up, std::int64_t width = 0, Format format = Format::kF32) {
  if (width == 0) width = std::max<std::int64_t>(std::ssize(gate), 1);
  ConvertedOutput out(format, gate.size());
  run.kernels.gated_activation(*run.stream, {.activation = kind,
                                             .gate = run.in(gate),
                                             .up = run.in(up),
                                             .row_count = std::ssize(gate) / width,
                                             .width = width,
                                             .row_stride = width,
                                             .out = out.on(run),
                                             .out_format = format});
  run.finish();
  return out.values();
}

std::vector<double> expected(Activation kind, const std::vector<float>& x) {
  std::vector<double> out;
  for (const double value : x) out.push_back(reference::activation(kind, value));
  return out;
}

class ActivationTest : public KernelTest {};
HEARTH_INSTANTIATE_FOR_DEVICES(ActivationTest);

TEST_P(ActivationTest, OverTheWholeRange) {
  std::vector<float> x;
  for (std::uint32_t bits = 0; bits < 0x7f800000u; bits += run.is_slow() ? 99'991 : 19'997) {
    x.push_back(std::bit_cast<float>(bits));
    x.push_back(-x.back());
  }
  for (float value = -12; value < 12; value += run.is_slow() ? 1e-3f : 1e-4f) x.push_back(value);
  for (const Activation kind : kAll) {
    SCOPED_TRACE(static_cast<int>(kind));
    std::vector<double> reference_out = expected(kind, x);
    for (const Format format : output_formats(run)) {
      // Beyond the format's range the result is infinite.
      const double largest = format == Format::kBf16 ? 0x1.fefffep127 : std::numeric_limits<float>::max();
      for (double& value : reference_out) {
        if (value > largest) value = kInfinity;
      }
      const auto out = apply(run, kind, x, format);
      expect_close(out, reference_out, kRelative + rounding_of(format), kAbsolute);
      expect_same_bits(out, apply(again, kind, x, format));
    }
  }
}

// With numbers that a layer has learned; where the two terms below 0 cancel, the error is that of the larger.
TEST_P(ActivationTest, XieluHasItsLayersNumbers) {
  std::vector<float> x{0.0f, -0.0f, -1e-7f, -1e-6f, -2e-6f, 1e-30f, -1e-30f, 300.0f, -300.0f};
  for (float value = -20; value < 20; value += run.is_slow() ? 7e-3f : 7e-4f) x.push_back(value);
  for (float value = 1e-6f; value < 1; value *= 1.1f) x.push_back(-value);
  for (const XieluParameters& xielu : {XieluParameters{0.8f, 0.8f, 0.5f, -1e-6f}, {2.5f, 41.25f, 0.25f, -1e-3f}}) {
    std::vector<double> expected;
    for (const float value : x) {
      expected.push_back(reference::activation(Activation::kXielu, static_cast<double>(value), xielu));
    }
    std::vector<float> out = x;
    run.kernels.activation(*run.stream, {.activation = Activation::kXielu,
                                         .x = run.in(x),
                                         .element_count = std::ssize(x),
                                         .out = run.out(out),
                                         .xielu = xielu});
    run.finish();
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double largest = std::fabs(static_cast<double>(x[i] * xielu.linear));
      EXPECT_NEAR(out[i], expected[i], 2e-6 * (std::fabs(expected[i]) + largest) + 1e-12) << x[i];
    }
  }
}

TEST_P(ActivationTest, AtTheEnds) {
  for (const Activation kind : kAll) {
    SCOPED_TRACE(static_cast<int>(kind));
    const auto out = apply(run, kind, {kInfinity, -kInfinity, -1e4f, 0.0f, kNan, -kNan, 3e38f, -3e38f, 1e4f});
    EXPECT_EQ(out[0], kInfinity);
    EXPECT_EQ(out[1], 0.0f);
    EXPECT_EQ(out[2], 0.0f);
    EXPECT_EQ(out[3], 0.0f);
    EXPECT_TRUE(std::isnan(out[4]));
    EXPECT_TRUE(std::isnan(out[5]));
    EXPECT_EQ(out[6], kind == Activation::kReluSquared ? kInfinity : 3e38f);
    EXPECT_EQ(out[7], 0.0f);
    EXPECT_EQ(out[8], kind == Activation::kReluSquared ? 1e8f : 1e4f);
  }
}

TEST_P(ActivationTest, AResultDependsOnItsElementAlone) {
  for (const Activation kind : kAll) {
    for (const std::int64_t width : {1, 5, 31, 64, 130}) {
      for (const std::int64_t token_count : run.token_counts()) {
        const auto x = random_floats(token_count * width, 61, 3.0f), up = random_floats(token_count * width, 62);
        const auto out = apply(run, kind, x), gated = apply_gated(run, kind, x, up, width);
        std::vector<float> one_by_one, gated_one_by_one;
        for (std::int64_t at = 0; at < std::ssize(x); at += width) {
          const std::vector<float> row(x.begin() + at, x.begin() + at + width);
          const auto row_out = apply(run, kind, row);
          one_by_one.insert(one_by_one.end(), row_out.begin(), row_out.end());
          const auto gated_row =
              apply_gated(run, kind, row, std::vector<float>(up.begin() + at, up.begin() + at + width));
          gated_one_by_one.insert(gated_one_by_one.end(), gated_row.begin(), gated_row.end());
        }
        expect_same_bits(out, one_by_one);
        expect_same_bits(gated, gated_one_by_one);
        expect_same_bits(gated, apply_gated(again, kind, x, up, width));
      }
    }
  }
}

TEST_P(ActivationTest, GatedMultiplies) {
  const std::int64_t rows = run.tokens(129);
  const auto gate = random_floats(rows * 130, 63, 4.0f), up = random_floats(rows * 130, 64, 2.0f);
  for (const Activation kind : kAll) {
    SCOPED_TRACE(static_cast<int>(kind));
    auto product = expected(kind, gate);
    for (std::size_t i = 0; i < product.size(); ++i) product[i] *= static_cast<double>(up[i]);
    for (const std::int64_t width : {130, 65}) {
      for (const Format format : output_formats(run)) {
        expect_close(apply_gated(run, kind, gate, up, width, format), product, kRelative + rounding_of(format),
                     kAbsolute);
      }
    }
  }
}

// Factors beyond the limit on both sides, an offset of the other one, or both; a NaN is no factor beyond it.
TEST_P(ActivationTest, GatingLimitsTheFactors) {
  const std::int64_t rows = run.tokens(33), width = 131;
  auto gate = random_floats(rows * width, 68, 4.0f), up = random_floats(rows * width, 69, 4.0f);
  gate[3] = kNan, up[4] = kNan, gate[5] = kInfinity, gate[6] = -kInfinity, up[7] = kInfinity, up[8] = -kInfinity;
  for (const Gating gating : {Gating{2.5f, 1}, Gating{2.5f, 0}, Gating{0, 1}, Gating{}}) {
    const auto limited = [&](float value, bool below) {
      if (gating.limit == 0 || std::isnan(value)) return value;
      return below ? std::max(std::min(value, gating.limit), -gating.limit) : std::min(value, gating.limit);
    };
    std::vector<double> expected_out;
    for (std::size_t i = 0; i < gate.size(); ++i) {
      const double other = static_cast<double>(limited(up[i], true)) + static_cast<double>(gating.up_offset);
      const float g = limited(gate[i], false);
      // The function's limit at minus infinity is 0, whatever the definition computes.
      const double value = std::isinf(g) && g < 0 ? 0.0
                           : std::isinf(g)        ? kInfinity
                                                  : reference::activation(Activation::kGeluQuick, g);
      expected_out.push_back(value * other);
    }
    for (const Format format : output_formats(run)) {
      ConvertedOutput out(format, gate.size());
      run.kernels.gated_activation(*run.stream, {.activation = Activation::kGeluQuick,
                                                 .gate = run.in(gate),
                                                 .up = run.in(up),
                                                 .row_count = rows,
                                                 .width = width,
                                                 .row_stride = width,
                                                 .out = out.on(run),
                                                 .out_format = format,
                                                 .gating = gating});
      run.finish();
      expect_close(out.values(), expected_out, kRelative + rounding_of(format), kAbsolute);
    }
  }
}

// One matrix whose rows hold the gate and then the other factor.
TEST_P(ActivationTest, GatedReadsColumnsOfOneMatrix) {
  for (const std::int64_t width : {5, 128, 1030, 2048}) {
    const std::int64_t rows = 3, stride = 2 * width + 4;
    const auto matrix = random_floats(rows * stride, 67, 2.0f);
    std::vector<float> gate, up;
    for (std::int64_t r = 0; r < rows; ++r) {
      const auto row = matrix.begin() + r * stride;
      gate.insert(gate.end(), row, row + width);
      up.insert(up.end(), row + width, row + 2 * width);
    }
    for (const Format format : output_formats(run)) {
      ConvertedOutput out(format, gate.size());
      const float* data = run.in(matrix);
      run.kernels.gated_activation(*run.stream, {.activation = Activation::kSilu,
                                                 .gate = data,
                                                 .up = data + width,
                                                 .row_count = rows,
                                                 .width = width,
                                                 .row_stride = stride,
                                                 .out = out.on(run),
                                                 .out_format = format});
      run.finish();
      expect_same_bits(out.values(), apply_gated(run, Activation::kSilu, gate, up, width, format));
    }
  }
}

TEST_P(ActivationTest, GatedReadsRowsOfTwoMatrices) {
  constexpr std::int64_t kRows = 3, kUpStride = 600;
  for (const std::int64_t width : {5, 128}) {
    const auto gate = random_floats(kRows * width, 70, 2.0f), matrix = random_floats(kRows * kUpStride, 71);
    std::vector<float> up;
    for (std::int64_t r = 0; r < kRows; ++r) {
      up.insert(up.end(), matrix.begin() + r * kUpStride, matrix.begin() + r * kUpStride + width);
    }
    for (const Format format : output_formats(run)) {
      ConvertedOutput out(format, gate.size());
      run.kernels.gated_activation(*run.stream, {.activation = Activation::kGeluTanh,
                                                 .gate = run.in(gate),
                                                 .up = run.in(matrix),
                                                 .row_count = kRows,
                                                 .width = width,
                                                 .row_stride = width,
                                                 .out = out.on(run),
                                                 .out_format = format,
                                                 .up_stride = kUpStride});
      run.finish();
      expect_same_bits(out.values(), apply_gated(run, Activation::kGeluTanh, gate, up, width, format));
    }
  }
}

TEST_P(ActivationTest, InPlace) {
  const auto x = random_floats(1003, 65), up = random_floats(1003, 66);
  for (const Activation kind : kAll) {
    auto y = x;
    float* data = run.out(y);
    run.kernels.activation(*run.stream, {.activation = kind, .x = data, .element_count = 1003, .out = data});
    run.finish();
    expect_same_bits(y, apply(run, kind, x));

    const auto gated = apply_gated(run, kind, x, up);
    for (const bool over_gate : {true, false}) {
      auto gate_copy = x, up_copy = up;
      float *gate_data = run.out(gate_copy), *up_data = run.out(up_copy);
      run.kernels.gated_activation(*run.stream, {.activation = kind,
                                                 .gate = gate_data,
                                                 .up = up_data,
                                                 .row_count = 1,
                                                 .width = 1003,
                                                 .row_stride = 1003,
                                                 .out = over_gate ? gate_data : up_data});
      run.finish();
      expect_same_bits(over_gate ? gate_copy : up_copy, gated);
    }
  }
}

TEST_P(ActivationTest, NoElementsAreNoWork) {
  EXPECT_TRUE(apply(run, Activation::kSilu, {}).empty());
  EXPECT_TRUE(apply_gated(run, Activation::kSilu, {}, {}).empty());
}

}  // namespace
}  // namespace hearth
