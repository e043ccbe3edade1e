// The speed of writing a step's keys and values into the cache: it should be that of a copy.
#include <benchmark/benchmark.h>

#include "kernels/attention/paged_case.h"
#include "kernels/testing/roofline.h"

namespace hearth::kernel_testing {
namespace {

void kv_write(benchmark::State& state) {
  BenchmarkRunner runner(state);
  const auto token_count = static_cast<std::int32_t>(state.range(1));
  const Format format = state.range(2) == 0 ? Format::kF32 : Format::kBf16;
  PagedCase data({8, 8, 128, format, 32}, {token_count});
  const PagedStep step = data.whole_step();
  const KvWriteArgs args{step.k.data(), step.v.data(), data.kv_width(), step.view, data.cache()};
  const std::int64_t elements = 2 * token_count * data.kv_width();
  const std::int64_t bytes = elements * 4 + format_bytes(format, elements);
  runner.time(state, Traffic::kCopy, bytes, [&] { runner.kernels.kv_write(*runner.stream, args); });
}

BENCHMARK(kv_write)
    ->ArgNames({"isa", "tokens", "bf16"})
    ->ArgsProduct({instruction_set_indices(), {1, 512}, {0, 1}})
    ->UseRealTime();

}  // namespace
}  // namespace hearth::kernel_testing
