// The nonlinearities against their reference, over the whole range of float32, plain and gated.
#include "kernels/activation/activation.h"

#include <limits>

#include "kernels/activation/activation_reference.h"
#include "kernels/testing/kernel_testing.h"

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

std::vector<float> apply(CpuRunner& run, Activation kind, const std::vector<float>& x) {
  std::vector<float> out(x.size(), -1.0f);
  run.kernels.activation(*run.stream,
                         {.activation = kind, .x = x.data(), .element_count = std::ssize(x), .out = out.data()});
  return out;
}

std::vector<float> apply_gated(CpuRunner& run, Activation kind, const std::vector<float>& gate,
                               const std::vector<float>& up) {
  std::vector<float> out(gate.size(), -1.0f);
  run.kernels.gated_activation(
      *run.stream,
      {.activation = kind, .gate = gate.data(), .up = up.data(), .element_count = std::ssize(gate), .out = out.data()});
  return out;
}

std::vector<double> expected(Activation kind, const std::vector<float>& x) {
  std::vector<double> out;
  for (const double value : x) out.push_back(reference::activation(kind, value));
  return out;
}

class ActivationTest : public CpuKernelTest {};
HEARTH_INSTANTIATE_FOR_CPU(ActivationTest);

TEST_P(ActivationTest, OverTheWholeRange) {
  std::vector<float> x;
  for (std::uint32_t bits = 0; bits < 0x7f800000u; bits += 19'997) {
    x.push_back(std::bit_cast<float>(bits));
    x.push_back(-x.back());
  }
  for (float value = -12; value < 12; value += 1e-4f) x.push_back(value);
  for (const Activation kind : kAll) {
    SCOPED_TRACE(static_cast<int>(kind));
    const auto out = apply(run, kind, x);
    std::vector<double> reference_out = expected(kind, x);
    // Beyond float32's range the result is infinite.
    for (double& value : reference_out) {
      if (value > std::numeric_limits<float>::max()) value = kInfinity;
    }
    expect_close(out, reference_out, kRelative, kAbsolute);
    expect_same_bits(out, apply(one_thread, kind, x));
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
      for (const std::int64_t token_count : kTokenCounts) {
        const auto x = random_floats(token_count * width, 61, 3.0f), up = random_floats(token_count * width, 62);
        const auto out = apply(run, kind, x), gated = apply_gated(run, kind, x, up);
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
        expect_same_bits(gated, apply_gated(one_thread, kind, x, up));
      }
    }
  }
}

TEST_P(ActivationTest, GatedMultiplies) {
  const auto gate = random_floats(129 * 130, 63, 4.0f), up = random_floats(129 * 130, 64, 2.0f);
  for (const Activation kind : kAll) {
    SCOPED_TRACE(static_cast<int>(kind));
    auto product = expected(kind, gate);
    for (std::size_t i = 0; i < product.size(); ++i) product[i] *= static_cast<double>(up[i]);
    expect_close(apply_gated(run, kind, gate, up), product, kRelative, kAbsolute);
  }
}

TEST_P(ActivationTest, InPlace) {
  const auto x = random_floats(1003, 65), up = random_floats(1003, 66);
  for (const Activation kind : kAll) {
    auto y = x;
    run.kernels.activation(*run.stream, {.activation = kind, .x = y.data(), .element_count = 1003, .out = y.data()});
    expect_same_bits(y, apply(run, kind, x));

    const auto gated = apply_gated(run, kind, x, up);
    for (const bool over_gate : {true, false}) {
      auto gate_copy = x, up_copy = up;
      float* out = over_gate ? gate_copy.data() : up_copy.data();
      run.kernels.gated_activation(
          *run.stream,
          {.activation = kind, .gate = gate_copy.data(), .up = up_copy.data(), .element_count = 1003, .out = out});
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
