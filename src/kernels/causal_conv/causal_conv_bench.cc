// The speed of the causal convolution, gated as LFM2's: it should be that of reading three arrays and writing one.
#include "kernels/causal_conv/causal_conv.h"
#include "kernels/testing/roofline.h"

namespace hearth::kernel_testing {
namespace {

constexpr std::int64_t kChannels = 2048, kKernel = 3;

void causal_conv(BenchmarkRunner& run) {
  for (const std::int64_t tokens : run.token_counts()) {
    run.measure("causal_conv", fmt::format("tokens:{}", tokens), [&] {
      const std::int64_t count = tokens * kChannels, bytes = 4 * count * 4;
      const int turns = run.turn_count(tokens, bytes);
      const Turns x = random_turns(run, turns, Format::kF32, 3 * count);
      const Turns out = random_turns(run, turns, Format::kF32, count);
      const Turns weight = random_turns(run, 1, Format::kF32, kKernel * kChannels);
      const Turns states = random_turns(run, 1, Format::kF32, causal_conv_state_floats(kChannels, kKernel));
      std::vector<std::int32_t> positions(static_cast<std::size_t>(tokens)), zeros(positions.size());
      for (std::size_t i = 0; i < positions.size(); ++i) positions[i] = static_cast<std::int32_t>(i);
      const std::vector<std::int32_t> starts{0, static_cast<std::int32_t>(tokens)};
      StepView step;
      step.token_count = tokens;
      step.sequence_count = 1;
      step.positions = run.in(positions);
      step.sequences = step.state_slots = run.in(zeros);
      step.token_starts = run.in(starts);
      run.time({Traffic::kCopy, bytes}, turns, [&](int turn) {
        float* const rows = x.at<float>(turn);
        run.kernels.causal_conv(*run.stream, {.x = rows + 2 * kChannels,
                                              .input_gate = rows,
                                              .output_gate = rows + kChannels,
                                              .x_stride = 3 * kChannels,
                                              .weight = weight.at<float>(0),
                                              .bias = nullptr,
                                              .channels = kChannels,
                                              .kernel = kKernel,
                                              .silu = false,
                                              .step = step,
                                              .states = {states.at<float>(0), 0},
                                              .out = out.at<float>(turn),
                                              .out_stride = kChannels});
      });
    });
  }
}
HEARTH_BENCHMARK(causal_conv);

}  // namespace
}  // namespace hearth::kernel_testing
