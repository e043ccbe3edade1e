// Speed of layer normalization: a decode step's and a prefill's worth of rows.
#include "kernels/testing/roofline.h"

namespace hearth {
namespace {

using namespace kernel_testing;

constexpr std::int64_t kWidth = 4096;

void layer_norm(benchmark::State& state) {
  BenchmarkRunner run(state);
  const std::int64_t row_count = state.range(1);
  std::vector<float> x(static_cast<std::size_t>(row_count * kWidth), 1.5f), out(x.size());
  const std::vector<float> weight(kWidth, 0.5f), bias(kWidth, 0.25f);
  run.time(state, Traffic::kCopy, row_count * kWidth * 8, [&] {
    run.kernels.layer_norm(*run.stream, {.x = x.data(),
                                         .row_count = row_count,
                                         .width = kWidth,
                                         .weight = weight.data(),
                                         .bias = bias.data(),
                                         .epsilon = 1e-5f,
                                         .out = out.data()});
  });
}
BENCHMARK(layer_norm)->ArgNames({"set", "rows"})->ArgsProduct({instruction_set_indices(), {1, 512}})->UseRealTime();

}  // namespace
}  // namespace hearth
