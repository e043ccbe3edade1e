// The speed of attention's separate steps, to be compared with the fused kernel's: bytes of scores, or of the cache as
// every query head reads it, per second.
#include <benchmark/benchmark.h>

#include "kernels/attention/paged_case.h"
#include "kernels/attention_steps/attention_steps.h"
#include "kernels/testing/roofline.h"

namespace hearth::kernel_testing {
namespace {

constexpr std::int32_t kTokens = 128;

// A prompt's scores: 16 heads, 4 of them with keys and values.
struct StepsCase {
  explicit StepsCase(benchmark::State& state)
      : runner(state), data({16, 4, 64, Format::kBf16, 32}, {kTokens}), step(data.whole_step()) {
    runner.kernels.kv_write(*runner.stream, {step.k.data(), step.v.data(), data.kv_width(), step.view, data.cache()});
    scores = random_floats(row_count() * kTokens, 1);
    out.resize(step.q.size());
  }
  std::int64_t row_count() const { return data.shape().head_count * kTokens; }
  std::int64_t score_bytes() const { return row_count() * kTokens * 4; }
  std::int64_t cache_bytes() const { return row_count() * kTokens * data.shape().head_dim * 2; }

  BenchmarkRunner runner;
  PagedCase data;
  PagedStep step;
  std::vector<float> scores, out;
};

void scores(benchmark::State& state) {
  StepsCase c(state);
  const AttentionScoresArgs args{c.step.q.data(), c.data.q_width(), 16, c.step.view, c.data.cache(), c.scores.data()};
  c.runner.time(state, Traffic::kRead, c.cache_bytes(),
                [&] { c.runner.kernels.attention_scores(*c.runner.stream, args); });
}

void scale(benchmark::State& state) {
  StepsCase c(state);
  const AttentionScaleArgs args{c.scores.data(), c.row_count() * kTokens, 1.0f, state.range(1) == 0 ? 0.0f : 50.0f};
  c.runner.time(state, Traffic::kCopy, 2 * c.score_bytes(),
                [&] { c.runner.kernels.attention_scale(*c.runner.stream, args); });
}

void mask(benchmark::State& state) {
  StepsCase c(state);
  const AttentionMaskArgs args{c.scores.data(), 16, c.step.view, Mask{}};
  c.runner.time(state, Traffic::kCopy, c.score_bytes(),
                [&] { c.runner.kernels.attention_mask(*c.runner.stream, args); });
}

void softmax(benchmark::State& state) {
  StepsCase c(state);
  const SoftmaxArgs args{c.scores.data(), c.row_count(), kTokens};
  c.runner.time(state, Traffic::kCopy, 2 * c.score_bytes(), [&] { c.runner.kernels.softmax(*c.runner.stream, args); });
}

void weighted_sum(benchmark::State& state) {
  StepsCase c(state);
  const AttentionWeightedSumArgs args{c.scores.data(), 16, c.step.view, c.data.cache(), c.out.data()};
  c.runner.time(state, Traffic::kRead, c.cache_bytes(),
                [&] { c.runner.kernels.attention_weighted_sum(*c.runner.stream, args); });
}

BENCHMARK(scores)->ArgName("isa")->ArgsProduct({instruction_set_indices()})->UseRealTime();
BENCHMARK(scale)->ArgNames({"isa", "softcap"})->ArgsProduct({instruction_set_indices(), {0, 1}})->UseRealTime();
BENCHMARK(mask)->ArgName("isa")->ArgsProduct({instruction_set_indices()})->UseRealTime();
BENCHMARK(softmax)->ArgName("isa")->ArgsProduct({instruction_set_indices()})->UseRealTime();
BENCHMARK(weighted_sum)->ArgName("isa")->ArgsProduct({instruction_set_indices()})->UseRealTime();

}  // namespace
}  // namespace hearth::kernel_testing
