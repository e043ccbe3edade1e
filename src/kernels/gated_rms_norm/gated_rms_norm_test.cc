// Gated root mean square normalization against its reference: both orders and gates, groups with weights of their own,
// strided rows.
#include "kernels/gated_rms_norm/gated_rms_norm.h"

#include "kernels/gated_rms_norm/gated_rms_norm_reference.h"
#include "kernels/testing/converted_output.h"

namespace hearth {
namespace {

using namespace kernel_testing;

struct GatedShape {
  std::int64_t rows, groups, width;
  bool group_weights = false, gate_first = false;
  NormGate activation = NormGate::kSilu;
  std::int64_t x_padding = 0, gate_padding = 0;

  std::int64_t row() const { return groups * width; }
};

class GatedRmsNormTest : public KernelTest {
 protected:
  static std::vector<float> normalize(Runner& run, const GatedShape& shape, const std::vector<float>& x,
                                      const std::vector<float>& gate, const std::vector<float>& weight, Format format) {
    ConvertedOutput out(format, static_cast<std::size_t>(shape.rows * shape.row()));
    run.kernels.gated_rms_norm(*run.stream, {.x = run.in(x),
                                             .x_stride = shape.row() + shape.x_padding,
                                             .gate = run.in(gate),
                                             .gate_stride = shape.row() + shape.gate_padding,
                                             .row_count = shape.rows,
                                             .group_count = shape.groups,
                                             .width = shape.width,
                                             .weight = weight.empty() ? nullptr : run.in(weight),
                                             .group_weights = shape.group_weights,
                                             .epsilon = 1e-5f,
                                             .activation = shape.activation,
                                             .gate_first = shape.gate_first,
                                             .out = out.on(run),
                                             .out_format = format});
    run.finish();
    return out.values();
  }

  void check(const GatedShape& shape) {
    SCOPED_TRACE(shape.width);
    const auto x = random_floats(shape.rows * (shape.row() + shape.x_padding), 1);
    const auto gate = random_floats(shape.rows * (shape.row() + shape.gate_padding), 2, 3.0f);
    const auto weight = random_floats(shape.group_weights ? shape.row() : shape.width, 3);
    std::vector<double> expected;
    const auto width = static_cast<std::size_t>(shape.width);
    for (std::int64_t r = 0; r < shape.rows; ++r) {
      for (std::int64_t g = 0; g < shape.groups; ++g) {
        const auto at = [&](std::int64_t padding) {
          return static_cast<std::size_t>(r * (shape.row() + padding) + g * shape.width);
        };
        const auto row = reference::gated_rms_norm(
            std::span(x).subspan(at(shape.x_padding), width), std::span(gate).subspan(at(shape.gate_padding), width),
            std::span(weight).subspan(shape.group_weights ? static_cast<std::size_t>(g) * width : 0, width), 1e-5f,
            shape.activation == NormGate::kSigmoid, shape.gate_first);
        expected.insert(expected.end(), row.begin(), row.end());
      }
    }
    for (const Format format : output_formats(run)) {
      const auto out = normalize(run, shape, x, gate, weight, format);
      expect_close(out, expected, 16 * 0x1p-24 + rounding_of(format), 0);
      expect_same_bits(out, normalize(again, shape, x, gate, weight, format));
    }
  }
};
HEARTH_INSTANTIATE_FOR_DEVICES(GatedRmsNormTest);

TEST_P(GatedRmsNormTest, Heads) {
  for (const std::int64_t width : {1, 7, 16, 64, 128, 200, 256}) {
    check({run.tokens(33, 3), 3, width, false, false, NormGate::kSilu, 4, 8});
    check({run.tokens(9, 2), 2, width, false, false, NormGate::kSigmoid, 0, 1});
  }
}

TEST_P(GatedRmsNormTest, WholeRowsAndGroups) {
  check({3, 1, 128, true, true});
  check({3, 2, 300, true, true, NormGate::kSilu, 3, 12});
  check({2, 1, 1027, false, true});
  check({2, 4, 512, true, false});
  check({1, 1, 5000, false, true});
}

TEST_P(GatedRmsNormTest, WithoutAWeightTheGateAlone) {
  for (const std::int64_t width : {3, 64, 300, 1024}) {
    for (const NormGate activation : {NormGate::kSilu, NormGate::kSigmoid}) {
      const GatedShape shape{3, 1, width, false, false, activation, 4, 8};
      const auto x = random_floats(3 * (width + 4), 5), gate = random_floats(3 * (width + 8), 6);
      std::vector<double> expected;
      for (std::int64_t r = 0; r < 3; ++r) {
        for (std::int64_t i = 0; i < width; ++i) {
          const double z = gate[static_cast<std::size_t>(r * (width + 8) + i)];
          const double open = (activation == NormGate::kSilu ? z : 1) / (1 + std::exp(-z));
          expected.push_back(open * static_cast<double>(x[static_cast<std::size_t>(r * (width + 4) + i)]));
        }
      }
      for (const Format format : output_formats(run)) {
        expect_close(normalize(run, shape, x, gate, {}, format), expected, 8 * 0x1p-24 + rounding_of(format), 0);
      }
    }
  }
}

// A softplus, which no recurrence has, as attention does it: one gate for each head, or one for each element.
TEST_P(GatedRmsNormTest, OneGateOpensAGroup) {
  constexpr std::int64_t kRows = 3, kGroups = 5, kGateStride = 8;
  for (const std::int64_t width : {3, 64, 300}) {
    const auto x = random_floats(kRows * kGroups * width, 5), gate = random_floats(kRows * kGateStride, 6, 4.0f);
    std::vector<double> expected;
    for (std::int64_t i = 0; i < std::ssize(x); ++i) {
      const std::int64_t row = i / (kGroups * width), group = i / width % kGroups;
      const auto z = static_cast<double>(gate[static_cast<std::size_t>(row * kGateStride + group)]);
      expected.push_back(std::log1p(std::exp(z)) * static_cast<double>(x[static_cast<std::size_t>(i)]));
    }
    for (const Format format : output_formats(run)) {
      ConvertedOutput out(format, x.size());
      run.kernels.gated_rms_norm(*run.stream, {.x = run.in(x),
                                               .x_stride = kGroups * width,
                                               .gate = run.in(gate),
                                               .gate_stride = kGateStride,
                                               .row_count = kRows,
                                               .group_count = kGroups,
                                               .width = width,
                                               .weight = nullptr,
                                               .group_weights = false,
                                               .epsilon = 0,
                                               .activation = NormGate::kSoftplus,
                                               .gate_first = false,
                                               .gate_of_groups = true,
                                               .out = out.on(run),
                                               .out_format = format});
      run.finish();
      expect_close(out.values(), expected, 16 * 0x1p-24 + rounding_of(format), 0);
    }
  }
}

TEST_P(GatedRmsNormTest, GatesAtTheirEnds) {
  const GatedShape shape{1, 1, 4, false, false};
  const std::vector<float> x{1, 2, 3, 4}, gate{-200, 200, 0, -90}, weight{1, 1, 1, 1};
  const auto out = normalize(run, shape, x, gate, weight, Format::kF32);
  EXPECT_EQ(out[0], 0.0f);
  EXPECT_NEAR(out[1], 200 * 2 / std::sqrt(7.5), 1e-3);
  EXPECT_EQ(out[2], 0.0f);
  EXPECT_NEAR(out[3], 0.0f, 1e-30);
}

}  // namespace
}  // namespace hearth
