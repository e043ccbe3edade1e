// The speed of writing a step's keys and values into the cache: it should be that of a copy.
#include "kernels/kv_write/kv_write.h"

#include "kernels/attention/paged_bench.h"

namespace hearth::kernel_testing {
namespace {

void kv_write(BenchmarkRunner& run) {
  for (const Format format : {Format::kF32, Format::kBf16}) {
    for (const std::int64_t tokens : run.token_counts()) {
      run.measure("kv_write", fmt::format("{} tokens:{}", traits(format).name, tokens), [&] {
        const PagedBenchShape shape{8, 8, 128, format, 1, tokens, tokens};
        const std::int64_t elements = tokens * shape.kv_width(), bytes = elements * 8 + shape.cache_bytes();
        const int turns = run.turn_count(tokens, bytes);
        const PagedBench data(run, shape, turns);
        const Turns k = random_turns(run, turns, Format::kF32, elements);
        const Turns v = random_turns(run, turns, Format::kF32, elements);
        run.time({Traffic::kCopy, bytes}, turns, [&](int turn) {
          run.kernels.kv_write(*run.stream, {.k = k.at<float>(turn),
                                             .v = v.at<float>(turn),
                                             .row_stride = shape.kv_width(),
                                             .step = data.view,
                                             .cache = data.cache(turn)});
        });
      });
    }
  }
}
HEARTH_BENCHMARK(kv_write);

}  // namespace
}  // namespace hearth::kernel_testing
