// Speed of the nonlinearities: all kinds plain, and gated as feed-forward blocks use them.
#include "kernels/activation/activation.h"

#include "kernels/testing/roofline.h"

namespace hearth {
namespace {

using namespace kernel_testing;

constexpr std::int64_t kWidth = 8192;

void activation(benchmark::State& state) {
  BenchmarkRunner run(state);
  const std::int64_t element_count = state.range(1) * kWidth;
  const std::vector<float> x(static_cast<std::size_t>(element_count), 0.75f);
  std::vector<float> out(x.size());
  run.time(state, Traffic::kCopy, element_count * 8, [&] {
    run.kernels.activation(*run.stream, {.activation = static_cast<Activation>(state.range(2)),
                                         .x = x.data(),
                                         .element_count = element_count,
                                         .out = out.data()});
  });
}
BENCHMARK(activation)
    ->ArgNames({"set", "tokens", "kind"})
    ->ArgsProduct({instruction_set_indices(), {512}, benchmark::CreateDenseRange(0, 5, 1)})
    ->UseRealTime();

void gated_activation(benchmark::State& state) {
  BenchmarkRunner run(state);
  const std::int64_t element_count = state.range(1) * kWidth;
  const std::vector<float> gate(static_cast<std::size_t>(element_count), 0.75f), up(gate.size(), 0.5f);
  std::vector<float> out(gate.size());
  run.time(state, Traffic::kCopy, element_count * 12, [&] {
    run.kernels.gated_activation(*run.stream, {.activation = static_cast<Activation>(state.range(2)),
                                               .gate = gate.data(),
                                               .up = up.data(),
                                               .row_count = state.range(1),
                                               .width = kWidth,
                                               .row_stride = kWidth,
                                               .out = out.data()});
  });
}
BENCHMARK(gated_activation)
    ->ArgNames({"set", "tokens", "kind"})
    ->ArgsProduct({instruction_set_indices(), {1, 512}, {0, 2}})
    ->UseRealTime();

}  // namespace
}  // namespace hearth
