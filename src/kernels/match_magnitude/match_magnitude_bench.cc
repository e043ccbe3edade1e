// Speed of matching magnitudes: the streams of Gemma 3n.
#include "kernels/testing/roofline.h"

namespace hearth::kernel_testing {
namespace {

constexpr std::int64_t kWidth = 2048;

void match_magnitude(BenchmarkRunner& run) {
  for (const std::int64_t rows : run.token_counts()) {
    run.measure("match_magnitude", fmt::format("rows:{}", rows), [&] {
      const std::int64_t bytes = 3 * rows * kWidth * 4;
      const int turns = run.turn_count(rows, bytes);
      const Turns x = random_turns(run, turns, Format::kF32, rows * kWidth);
      const Turns like = random_turns(run, turns, Format::kF32, rows * kWidth);
      run.time({Traffic::kCopy, bytes}, turns, [&](int turn) {
        run.kernels.match_magnitude(
            *run.stream,
            {.x = x.at<float>(turn), .like = like.at<float>(turn), .row_count = rows, .width = kWidth, .least = 1e-5f});
      });
    });
  }
}
HEARTH_BENCHMARK(match_magnitude);

}  // namespace
}  // namespace hearth::kernel_testing
