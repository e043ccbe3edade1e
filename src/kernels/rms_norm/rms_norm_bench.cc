// Speed of root mean square normalization: a decode step's and a prefill's worth of rows, and of heads.
#include "kernels/testing/roofline.h"

namespace hearth {
namespace {

using namespace kernel_testing;

void rms_norm(benchmark::State& state) {
  BenchmarkRunner run(state);
  const std::int64_t row_count = state.range(1), group_count = state.range(2), width = state.range(3);
  const std::int64_t row_elements = group_count * width;
  std::vector<float> x(static_cast<std::size_t>(row_count * row_elements), 1.5f), out(x.size());
  const std::vector<float> weight(static_cast<std::size_t>(width), 0.5f);
  run.time(state, Traffic::kCopy, row_count * row_elements * 8, [&] {
    run.kernels.rms_norm(*run.stream, {.x = x.data(),
                                       .row_count = row_count,
                                       .row_stride = row_elements,
                                       .group_count = group_count,
                                       .width = width,
                                       .weight = weight.data(),
                                       .epsilon = 1e-5f,
                                       .out = out.data(),
                                       .out_stride = row_elements});
  });
}
BENCHMARK(rms_norm)
    ->ArgNames({"set", "rows", "groups", "width"})
    ->ArgsProduct({instruction_set_indices(), {1, 512}, {1}, {4096}})
    ->ArgsProduct({instruction_set_indices(), {512}, {40}, {128}})
    ->UseRealTime();

}  // namespace
}  // namespace hearth
