// Speed of root mean square normalization: a decode step's and a prefill's worth of rows, of rows to which the residual
// stream is added on the way, and of heads.
#include "kernels/testing/roofline.h"

namespace hearth::kernel_testing {
namespace {

void measure_rows(BenchmarkRunner& run, std::int64_t rows, std::int64_t groups, std::int64_t width, bool residual) {
  const std::string shape =
      fmt::format("rows:{} groups:{} width:{}{}", rows, groups, width, residual ? " +residual" : "");
  run.measure("rms_norm", shape, [&] {
    const std::int64_t row_elements = groups * width, count = rows * row_elements;
    const Format out_format = run.kernels.activation_format;
    const std::int64_t bytes = count * (residual ? 12 : 4) + format_bytes(out_format, count);
    const int turns = run.turn_count(rows, bytes);
    const Turns x = random_turns(run, turns, Format::kF32, count);
    const Turns sum = random_turns(run, turns, Format::kF32, residual ? count : 1);
    const Turns out(run, turns, format_bytes(out_format, count));
    const std::vector<float> weight(static_cast<std::size_t>(width), 0.5f);
    const float* const device_weight = run.in(weight);
    run.time({Traffic::kCopy, bytes}, turns, [&](int turn) {
      run.kernels.rms_norm(*run.stream, {.x = x.at<float>(turn),
                                         .row_count = rows,
                                         .row_stride = row_elements,
                                         .group_count = groups,
                                         .width = width,
                                         .weight = device_weight,
                                         .epsilon = 1e-5f,
                                         .out = out.at(turn),
                                         .out_stride = row_elements,
                                         .residual = residual ? sum.at<float>(turn) : nullptr,
                                         .out_format = out_format});
    });
  });
}

void rms_norm(BenchmarkRunner& run) {
  for (const std::int64_t tokens : run.token_counts()) {
    measure_rows(run, tokens, 1, 4096, false);
    measure_rows(run, tokens, 1, 4096, true);
    measure_rows(run, tokens, 40, 128, false);
  }
}
HEARTH_BENCHMARK(rms_norm);

}  // namespace
}  // namespace hearth::kernel_testing
