// The causal convolution against its reference: whole sequences, and the same in pieces and in company to the bit.
#include "kernels/causal_conv/causal_conv.h"

#include <limits>

#include "kernels/causal_conv/causal_conv_reference.h"
#include "kernels/state/state_case.h"
#include "kernels/testing/converted_output.h"

namespace hearth::kernel_testing {
namespace {

using CausalConvTest = KernelTest;

struct Shape {
  std::int64_t channels, kernel;
  bool gated, silu, has_bias;
};

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// Sequences with inputs for all positions, and a memory of states full of NaN.
class Case {
 public:
  Case(const Shape& shape, const std::vector<std::int32_t>& lengths, Format out_format = Format::kF32)
      : shape_(shape),
        format_(out_format),
        stride_(std::max<std::int64_t>(1, causal_conv_state_floats(shape.channels, shape.kernel) + 4)),
        weight_(random_floats(shape.kernel * shape.channels, 1)),
        bias_(random_floats(shape.channels, 2)),
        states_(static_cast<std::size_t>(stride_ * kSlots), kNan) {
    for (std::size_t i = 0; i < lengths.size(); ++i) {
      inputs_.push_back(random_floats(lengths[i] * row(), 3 + static_cast<std::uint32_t>(i)));
      outputs_.emplace_back(static_cast<std::size_t>(lengths[i] * shape.channels));
    }
  }

  void run(Runner& run, const std::vector<StatePart>& parts) {
    const StateStep step(parts);
    std::vector<float> rows = step.rows(inputs_, row());
    rows.resize(std::max(rows.size(), static_cast<std::size_t>(row())));  // no memory has no places within it
    const float* x = run.in(rows);
    ConvertedOutput out(format_, static_cast<std::size_t>(step.token_count() * shape_.channels));
    run.kernels.causal_conv(*run.stream, {.x = x + (shape_.gated ? 2 * shape_.channels : 0),
                                          .input_gate = shape_.gated ? x : nullptr,
                                          .output_gate = shape_.gated ? x + shape_.channels : nullptr,
                                          .x_stride = row(),
                                          .weight = run.in(weight_),
                                          .bias = shape_.has_bias ? run.in(bias_) : nullptr,
                                          .channels = shape_.channels,
                                          .kernel = shape_.kernel,
                                          .silu = shape_.silu,
                                          .step = step.on(run),
                                          .states = {run.out(states_), stride_},
                                          .out = out.on(run),
                                          .out_stride = shape_.channels,
                                          .out_format = format_});
    run.finish();
    step.put_rows(out.values(), shape_.channels, outputs_);
  }

  const std::vector<std::vector<float>>& outputs() const { return outputs_; }
  const std::vector<float>& states() const { return states_; }

  std::vector<double> expected(std::size_t sequence) const {
    const std::vector<float>& rows = inputs_[sequence];
    std::vector<double> in;
    std::vector<float> gate;
    for (std::size_t token = 0; token * static_cast<std::size_t>(row()) < rows.size(); ++token) {
      for (std::int64_t c = 0; c < shape_.channels; ++c) {
        const auto at = token * static_cast<std::size_t>(row()) + static_cast<std::size_t>(c);
        const auto width = static_cast<std::size_t>(shape_.channels);
        if (!shape_.gated) {
          in.push_back(static_cast<double>(rows[at]));
          continue;
        }
        in.push_back(static_cast<double>(rows[at]) * static_cast<double>(rows[at + 2 * width]));
        gate.push_back(rows[at + width]);
      }
    }
    return reference::causal_conv(in, gate, weight_,
                                  shape_.has_bias ? std::span<const float>(bias_) : std::span<float>(),
                                  static_cast<std::size_t>(shape_.channels), shape_.silu);
  }

 private:
  static constexpr std::int64_t kSlots = 4;
  std::int64_t row() const { return (shape_.gated ? 3 : 1) * shape_.channels; }

  Shape shape_;
  Format format_;
  std::int64_t stride_;
  std::vector<float> weight_, bias_, states_;
  std::vector<std::vector<float>> inputs_, outputs_;
};

constexpr Shape kShapes[] = {{64, 3, true, false, false},
                             {20, 4, false, true, true},
                             {7, 2, true, true, true},
                             {1030, 3, false, false, true},
                             {5, 1, false, true, false}};

TEST_P(CausalConvTest, AgreesWithTheReference) {
  for (const Shape& shape : kShapes) {
    for (const Format format : output_formats(run)) {
      const auto length = static_cast<std::int32_t>(run.tokens(70, 9));
      Case data(shape, {length, 1}, format);
      data.run(run, {{0, 0, length, 2}, {1, 0, 1, 0}});
      for (const std::size_t sequence : {0u, 1u}) {
        expect_close(data.outputs()[sequence], data.expected(sequence), 4e-6 + rounding_of(format), 4e-6);
      }
    }
  }
}

TEST_P(CausalConvTest, PiecesAndCompanyChangeNoBit) {
  for (const Shape& shape : kShapes) {
    Case whole(shape, {12, 9, 5});
    whole.run(run, {{0, 0, 12, 1}});
    whole.run(run, {{1, 0, 9, 3}});
    whole.run(run, {{2, 0, 5, 0}});
    Case pieces(shape, {12, 9, 5});
    pieces.run(again, {{0, 0, 1, 0}, {1, 0, 2, 3}});
    pieces.run(again, {{1, 2, 3, 3}, {0, 1, 2, 0}});
    pieces.run(again, {{2, 0, 4, 1}, {0, 2, 7, 0}, {1, 3, 8, 3}});
    pieces.run(again, {{0, 7, 8, 0}, {1, 8, 9, 3}, {2, 4, 5, 1}});
    pieces.run(again, {{0, 8, 12, 0}});
    EXPECT_EQ(pieces.outputs(), whole.outputs());
  }
}

// A slot that somebody else had before is as good as a fresh one, and slots of nobody in the step stay as they are.
TEST_P(CausalConvTest, OnlyTheStepsSlotsAreTouched) {
  const Shape shape = kShapes[0];
  Case data(shape, {5, 5});
  data.run(run, {{0, 0, 5, 1}});
  const std::vector<float> before = data.states();
  data.run(run, {{1, 0, 5, 2}});
  const auto slot = before.size() / 4;
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (i / slot == 2) continue;
    EXPECT_EQ(std::bit_cast<std::uint32_t>(data.states()[i]), std::bit_cast<std::uint32_t>(before[i])) << i;
  }
  const auto once = data.outputs();
  data.run(run, {{1, 0, 5, 1}});
  EXPECT_EQ(data.outputs(), once);
}

TEST_P(CausalConvTest, AnEmptyStepIsNoWork) {
  Case data(kShapes[0], {3});
  data.run(run, {});
}

HEARTH_INSTANTIATE_FOR_DEVICES(CausalConvTest);

}  // namespace
}  // namespace hearth::kernel_testing
