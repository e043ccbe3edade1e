// Attention's speed. Decoding reads the whole cache once for each token: bytes per second, as a share of a plain read.
// Prefill is arithmetic: multiply-adds per second of the visible half of the scores.
#include <benchmark/benchmark.h>

#include "kernels/attention/paged_case.h"
#include "kernels/testing/roofline.h"

namespace hearth::kernel_testing {
namespace {

constexpr std::int32_t kContext = 4096;
constexpr std::int32_t kPrompt = 512;

PagedShape shape_of(const benchmark::State& state) {
  return {state.range(1), state.range(2), state.range(3), state.range(4) == 0 ? Format::kF32 : Format::kBf16, 32};
}

// A case whose cache lies in a device's memory, as a model's does.
struct DeviceCase {
  DeviceCase(benchmark::State& state, std::int32_t context, std::int32_t token_count)
      : runner(state), data(shape_of(state), {context}), step(data.step({{0, context - token_count, context}})) {
    const std::int64_t bytes = static_cast<std::int64_t>(data.k_bytes().size());
    k = runner.device.allocate(bytes, "keys");
    v = runner.device.allocate(bytes, "values");
    args = data.attention_args(step, Mask{}, out);
    args.cache.k = k.data();
    args.cache.v = v.data();
    const PagedStep whole = data.whole_step();
    runner.kernels.kv_write(*runner.stream, {whole.k.data(), whole.v.data(), data.kv_width(), whole.view, args.cache});
  }

  BenchmarkRunner runner;
  PagedCase data;
  PagedStep step;
  Buffer k, v;
  std::vector<float> out;
  AttentionArgs args{};
};

void decode(benchmark::State& state) {
  DeviceCase c(state, kContext, 1);
  const std::int64_t bytes = 2 * format_bytes(c.data.shape().format, kContext * c.data.kv_width());
  c.runner.time(state, Traffic::kRead, bytes, [&] { c.runner.kernels.attention(*c.runner.stream, c.args); });
}

void prefill(benchmark::State& state) {
  DeviceCase c(state, kPrompt, kPrompt);
  for (auto _ : state) c.runner.kernels.attention(*c.runner.stream, c.args);
  const double multiply_adds = static_cast<double>(2 * c.data.q_width()) * (0.5 * kPrompt * (kPrompt + 1));
  state.counters["multiply_adds"] =
      benchmark::Counter(multiply_adds, benchmark::Counter::kIsIterationInvariantRate, benchmark::Counter::kIs1000);
}

BENCHMARK(decode)
    ->ArgNames({"isa", "heads", "kv_heads", "head_dim", "bf16"})
    ->ArgsProduct({instruction_set_indices(), {32}, {1, 8, 32}, {64, 128}, {0, 1}})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK(prefill)
    ->ArgNames({"isa", "heads", "kv_heads", "head_dim", "bf16"})
    ->ArgsProduct({instruction_set_indices(), {32}, {8, 32}, {64, 128}, {0, 1}})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace hearth::kernel_testing
