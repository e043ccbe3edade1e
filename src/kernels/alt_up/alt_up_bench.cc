// Speed of alternating updates: the four streams of Gemma 3n.
#include "kernels/testing/roofline.h"

namespace hearth::kernel_testing {
namespace {

constexpr std::int64_t kStreams = 4, kWidth = 2048;

void alt_up(BenchmarkRunner& run) {
  for (const std::int64_t tokens : run.token_counts()) {
    for (const bool predicts : {true, false}) {
      run.measure("alt_up", fmt::format("{} tokens:{}", predicts ? "predict" : "correct", tokens), [&] {
        const std::int64_t size = tokens * kWidth, bytes = (2 * kStreams + (predicts ? 1 : 2)) * size * 4;
        const int turns = run.turn_count(tokens, bytes);
        const Turns streams = random_turns(run, turns, Format::kF32, kStreams * size);
        const Turns x = random_turns(run, turns, Format::kF32, size);
        const Turns scaled(run, turns, size * 4);
        const Turns products = random_turns(run, 1, Format::kF32, tokens * kStreams);
        const std::vector<float> coefficients(kStreams * kStreams * kStreams, 0.01f), scale(kWidth, 0.5f);
        const float* const device_coefficients = run.in(coefficients);
        const float* const device_scale = run.in(scale);
        run.time({Traffic::kCopy, bytes}, turns, [&](int turn) {
          const AltUpStreams s{streams.at<float>(turn), kStreams, 0, tokens, kWidth, products.at<float>(0)};
          if (predicts) {
            run.kernels.alt_up_predict(*run.stream, {s, device_coefficients, x.at<float>(turn)});
          } else {
            run.kernels.alt_up_correct(
                *run.stream, {s, device_coefficients, x.at<float>(turn), device_scale, scaled.at<float>(turn)});
          }
        });
      });
    }
  }
}
HEARTH_BENCHMARK(alt_up);

}  // namespace
}  // namespace hearth::kernel_testing
