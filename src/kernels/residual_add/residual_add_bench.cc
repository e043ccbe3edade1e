// Speed of the residual addition: a decode step's and a prefill's worth of tokens.
#include "kernels/testing/roofline.h"

namespace hearth::kernel_testing {
namespace {

constexpr std::int64_t kWidth = 4096;

void residual_add(BenchmarkRunner& run) {
  for (const std::int64_t tokens : run.token_counts()) {
    run.measure("residual_add", fmt::format("tokens:{}", tokens), [&] {
      const std::int64_t count = tokens * kWidth;
      const int turns = run.turn_count(tokens, count * 12);
      const Turns x = random_turns(run, turns, Format::kF32, count);
      const Turns delta = random_turns(run, turns, Format::kF32, count);
      run.time({Traffic::kCopy, count * 12}, turns, [&](int turn) {
        run.kernels.residual_add(*run.stream,
                                 {.x = x.at<float>(turn), .delta = delta.at<float>(turn), .element_count = count});
      });
    });
  }
}
HEARTH_BENCHMARK(residual_add);

}  // namespace
}  // namespace hearth::kernel_testing
