// Speed of the gates' cutoff: the sparse layers of Gemma 3n.
#include "kernels/testing/roofline.h"

namespace hearth::kernel_testing {
namespace {

constexpr std::int64_t kWidth = 16384;

void gate_cutoff(BenchmarkRunner& run) {
  for (const std::int64_t rows : run.token_counts()) {
    run.measure("gate_cutoff", fmt::format("rows:{}", rows), [&] {
      const std::int64_t bytes = 2 * rows * kWidth * 4;
      const int turns = run.turn_count(rows, bytes);
      const Turns x = random_turns(run, turns, Format::kF32, rows * kWidth);
      run.time({Traffic::kCopy, bytes}, turns, [&](int turn) {
        run.kernels.gate_cutoff(*run.stream, {.x = x.at<float>(turn),
                                              .row_count = rows,
                                              .width = kWidth,
                                              .row_stride = kWidth,
                                              .cutoff = {1.6448536f, false}});
      });
    });
  }
}
HEARTH_BENCHMARK(gate_cutoff);

}  // namespace
}  // namespace hearth::kernel_testing
