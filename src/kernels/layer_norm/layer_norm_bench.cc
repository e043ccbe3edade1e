// Speed of layer normalization: a decode step's and a prefill's worth of rows.
#include "kernels/testing/roofline.h"

namespace hearth::kernel_testing {
namespace {

constexpr std::int64_t kWidth = 4096;

void layer_norm(BenchmarkRunner& run) {
  for (const std::int64_t rows : run.token_counts()) {
    run.measure("layer_norm", fmt::format("rows:{}", rows), [&] {
      const std::int64_t count = rows * kWidth;
      const Format out_format = run.kernels.activation_format;
      const std::int64_t bytes = count * 4 + format_bytes(out_format, count);
      const int turns = run.turn_count(rows, bytes);
      const Turns x = random_turns(run, turns, Format::kF32, count);
      const Turns out(run, turns, format_bytes(out_format, count));
      const std::vector<float> weight(kWidth, 0.5f), bias(kWidth, 0.25f);
      const float* const device_weight = run.in(weight);
      const float* const device_bias = run.in(bias);
      run.time({Traffic::kCopy, bytes}, turns, [&](int turn) {
        run.kernels.layer_norm(*run.stream, {.x = x.at<float>(turn),
                                             .row_count = rows,
                                             .width = kWidth,
                                             .weight = device_weight,
                                             .bias = device_bias,
                                             .epsilon = 1e-5f,
                                             .out = out.at(turn),
                                             .out_format = out_format});
      });
    });
  }
}
HEARTH_BENCHMARK(layer_norm);

}  // namespace
}  // namespace hearth::kernel_testing
