// Speed of the clamp: a decode step's and a prefill's worth of tokens.
#include "kernels/testing/roofline.h"

namespace hearth::kernel_testing {
namespace {

constexpr std::int64_t kWidth = 12288;

void clamp(BenchmarkRunner& run) {
  for (const std::int64_t tokens : run.token_counts()) {
    run.measure("clamp", fmt::format("tokens:{}", tokens), [&] {
      const std::int64_t count = tokens * kWidth;
      const int turns = run.turn_count(tokens, count * 8);
      const Turns x = random_turns(run, turns, Format::kF32, count);
      run.time({Traffic::kCopy, count * 8}, turns, [&](int turn) {
        run.kernels.clamp(*run.stream, {.x = x.at<float>(turn), .element_count = count, .limit = 0.5f});
      });
    });
  }
}
HEARTH_BENCHMARK(clamp);

}  // namespace
}  // namespace hearth::kernel_testing
