// The speed of attention's separate steps, to be compared with the fused kernel's: bytes of scores, or of the cache as
// every query head reads it.
#include "kernels/attention_steps/attention_steps.h"

#include "kernels/attention/paged_bench.h"

namespace hearth::kernel_testing {
namespace {

// A prompt's scores: 16 heads, 4 of them with keys and values.
struct StepsCase {
  explicit StepsCase(BenchmarkRunner& run)
      : data(run, kShape, 1),
        q(random_turns(run, 1, Format::kF32, kShape.step_tokens() * kShape.q_width())),
        scores(random_turns(run, 1, Format::kF32, kRows * kTokens)),
        out(run, 1, kShape.step_tokens() * kShape.q_width() * 4) {}

  static constexpr std::int64_t kTokens = 128, kHeads = 16, kRows = kHeads * kTokens;
  static constexpr PagedBenchShape kShape{kHeads, 4, 64, Format::kBf16, 1, kTokens, kTokens};
  static constexpr std::int64_t kScoreBytes = kRows * kTokens * 4;
  static constexpr std::int64_t kCacheBytes = kRows * kTokens * kShape.head_dim * 2;

  PagedBench data;
  Turns q, scores, out;
};

void attention_steps(BenchmarkRunner& run) {
  run.measure("attention_scores", "", [&] {
    const StepsCase c(run);
    const AttentionScoresArgs args{c.q.at<float>(0), c.kShape.q_width(), c.kHeads,
                                   c.data.view,      c.data.cache(0),    c.scores.at<float>(0)};
    run.time({Traffic::kRead, c.kCacheBytes}, [&] { run.kernels.attention_scores(*run.stream, args); });
  });
  for (const float softcap : {0.0f, 50.0f}) {
    run.measure("attention_scale", softcap > 0 ? "softcap" : "plain", [&] {
      const StepsCase c(run);
      const AttentionScaleArgs args{c.scores.at<float>(0), c.kRows * c.kTokens, 1.0f, softcap};
      run.time({Traffic::kCopy, 2 * c.kScoreBytes}, [&] { run.kernels.attention_scale(*run.stream, args); });
    });
  }
  run.measure("attention_mask", "", [&] {
    const StepsCase c(run);
    const AttentionMaskArgs args{c.scores.at<float>(0), c.kHeads, c.data.view, Mask{}};
    run.time({Traffic::kCopy, c.kScoreBytes}, [&] { run.kernels.attention_mask(*run.stream, args); });
  });
  run.measure("softmax", "", [&] {
    const StepsCase c(run);
    const SoftmaxArgs args{c.scores.at<float>(0), c.kRows, c.kTokens};
    run.time({Traffic::kCopy, 2 * c.kScoreBytes}, [&] { run.kernels.softmax(*run.stream, args); });
  });
  run.measure("attention_weighted_sum", "", [&] {
    const StepsCase c(run);
    const AttentionWeightedSumArgs args{c.scores.at<float>(0), c.kHeads, c.data.view, c.data.cache(0),
                                        c.out.at<float>(0)};
    run.time({Traffic::kRead, c.kCacheBytes}, [&] { run.kernels.attention_weighted_sum(*run.stream, args); });
  });
}
HEARTH_BENCHMARK(attention_steps);

}  // namespace
}  // namespace hearth::kernel_testing
