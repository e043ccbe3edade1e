// Speed of gated root mean square normalization: heads as the gated delta rule has them, and rows of Mamba 2.
#include "kernels/testing/roofline.h"

namespace hearth::kernel_testing {
namespace {

void measure_rows(BenchmarkRunner& run, std::int64_t rows, std::int64_t groups, std::int64_t width, bool gate_first) {
  run.measure("gated_rms_norm", fmt::format("rows:{} groups:{} width:{}", rows, groups, width), [&] {
    const std::int64_t count = rows * groups * width;
    const Format out_format = run.kernels.activation_format;
    const std::int64_t bytes = 8 * count + format_bytes(out_format, count);
    const int turns = run.turn_count(rows, bytes);
    const Turns x = random_turns(run, turns, Format::kF32, count), gate = random_turns(run, turns, Format::kF32, count);
    const Turns out(run, turns, format_bytes(out_format, count));
    const std::vector<float> weights(static_cast<std::size_t>(width), 0.5f);
    const float* const weight = run.in(weights);
    run.time({Traffic::kCopy, bytes}, turns, [&](int turn) {
      run.kernels.gated_rms_norm(*run.stream, {.x = x.at<float>(turn),
                                               .x_stride = groups * width,
                                               .gate = gate.at<float>(turn),
                                               .gate_stride = groups * width,
                                               .row_count = rows,
                                               .group_count = groups,
                                               .width = width,
                                               .weight = weight,
                                               .group_weights = false,
                                               .epsilon = 1e-5f,
                                               .activation = NormGate::kSilu,
                                               .gate_first = gate_first,
                                               .out = out.at(turn),
                                               .out_format = out_format});
    });
  });
}

void gated_rms_norm(BenchmarkRunner& run) {
  for (const std::int64_t tokens : run.token_counts()) {
    measure_rows(run, tokens, 32, 128, false);
    measure_rows(run, tokens, 1, 8192, true);
  }
}
HEARTH_BENCHMARK(gated_rms_norm);

}  // namespace
}  // namespace hearth::kernel_testing
